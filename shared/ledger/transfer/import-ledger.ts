import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { CollectionName } from '../collections.ts';
import { isSame } from './export-format.ts';
import { type ExportedPage, readExport } from './read-export.ts';
import { type LedgerDocument, requireNoActiveRuns, type StoredLedger, type TransferOptions } from './stored-ledger.ts';

export interface ImportReport {
  /** Number of documents that the ledger did not contain before the import. */
  inserted: number;
  /** Number of documents that the ledger contained before the import. */
  present: number;
}

/**
 * Inserts the documents of an export that the ledger does not contain. Nothing is inserted if the file is damaged, or
 * if the ledger contains another document with the id of one of them. An interrupted import can be repeated. Memory
 * does not grow with the number of documents.
 * Throws LEDGER_FILE_INVALID, LEDGER_TOO_NEW, LEDGER_CONFLICT, LEDGER_ACTIVE, REQUEST_INVALID, DATABASE_UNAVAILABLE.
 */
export async function importLedger(
  file: string,
  ledger: StoredLedger,
  options: TransferOptions,
): Promise<ImportReport> {
  const snapshot = await ledger.openSnapshot();
  try {
    await requireNoActiveRuns(snapshot, options, 'The import');
  } finally {
    await snapshot.close();
  }
  // The first pass reads the whole file before anything is inserted. It also counts what is stored: the driver repeats
  // an insert without a response, and the repetition can be rejected although this import inserted the documents.
  // MongoDB recognizes a repetition. SecantusDB does not while it still executes the first insert.
  const report = { inserted: 0, present: 0 };
  for await (const { collection, documents } of readExport(file, options)) {
    const stored = await requireSame(ledger, collection, documents);
    report.present += stored.size;
    report.inserted += documents.length - stored.size;
  }
  for await (const { collection, documents } of readExport(file, options)) {
    const rejected = new Set(await ledger.insertAbsent(collection, documents));
    const present = documents.filter(({ _id }) => rejected.has(_id));
    if (present.length > 0) await requireStored(ledger, collection, present);
  }
  return report;
}

/** Throws LEDGER_CONFLICT if a document is stored with other content. Returns the ids of the stored documents. */
async function requireSame(
  ledger: StoredLedger,
  collection: CollectionName,
  documents: ExportedPage['documents'],
): Promise<Set<string>> {
  const ids = documents.map(({ _id }) => _id);
  const stored = new Map((await ledger.find(collection, ids)).map((document) => [document._id, document]));
  for (const document of documents) {
    const existing = stored.get(document._id);
    if (existing !== undefined && !isSame(existing, document))
      throw conflict(collection, document, `has other values of ${differentFields(existing, document).join(', ')}`);
  }
  return new Set(stored.keys());
}

/** As requireSame. Also throws if a document could not be inserted because of another unique field. */
async function requireStored(
  ledger: StoredLedger,
  collection: CollectionName,
  documents: ExportedPage['documents'],
): Promise<void> {
  const stored = await requireSame(ledger, collection, documents);
  const missing = documents.find(({ _id }) => !stored.has(_id));
  if (missing !== undefined) throw conflict(collection, missing, `belongs to another document (${UNIQUE[collection]})`);
}

/** The unique fields of each collection besides `_id`, for error messages. */
const UNIQUE: Record<CollectionName, string> = {
  manifests: 'batch_id',
  runs: 'run_id or run_key',
  assets: 's3_key, or dataset_id and version',
  lineage: '_id',
  activity_logs: '_id',
  datasets: 'dataset_id',
};

function conflict(collection: CollectionName, { _id }: LedgerDocument, reason: string): SluiceError {
  const subject = reason.startsWith('has') ? 'The document' : 'A unique value of the document';
  return new SluiceError('LEDGER_CONFLICT', `${subject} ${_id} of ${collection} ${reason} in the ledger.`, {
    details: { collection, _id },
  });
}

function differentFields(a: LedgerDocument, b: LedgerDocument): string[] {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...names].filter((name) => !isSame(a[name] ?? null, b[name] ?? null) || name in a !== name in b).sort();
}
