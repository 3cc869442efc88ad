import type { CollectionName } from '../collections.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';

/** A document as text fields and values, the same in every implementation. */
export type LedgerDocument = Record<string, unknown> & { _id: string };

/** Access to all documents of a ledger, for export and import. Each implementation of the ledger has one. */
export interface StoredLedger {
  /** The kind of the database, for the header of an export. */
  readonly source: 'postgresql' | 'mongodb';
  /** Opens a view of the ledger that later writes do not change. Only one at a time. Throws DATABASE_UNAVAILABLE. */
  openSnapshot(): Promise<LedgerSnapshot>;
  /** The stored documents with these ids, in any order. */
  find(collection: CollectionName, ids: readonly string[]): Promise<LedgerDocument[]>;
  /** Inserts the documents that no unique index rejects. Returns the ids of the others. */
  insertAbsent(collection: CollectionName, documents: readonly LedgerDocument[]): Promise<string[]>;
  close(): Promise<void>;
}

export interface LedgerSnapshot {
  /** UUIDs of runs whose archive step is not done, at most `limit`. */
  activeRuns(limit: number): Promise<string[]>;
  /** All documents of a collection in the order of their ids, in pages. */
  read(collection: CollectionName): AsyncIterable<LedgerDocument[]>;
  close(): Promise<void>;
}

export interface TransferOptions {
  /** True if the ledger may contain active runs. */
  active: boolean;
  signal: AbortSignal;
}

/** Active runs that an error names. */
const NAMED_RUNS = 3;

/** Throws LEDGER_ACTIVE. `what` is the subject of the message. */
export async function requireNoActiveRuns(
  snapshot: LedgerSnapshot,
  { active }: TransferOptions,
  what: string,
): Promise<void> {
  const runs = active ? [] : await snapshot.activeRuns(NAMED_RUNS);
  if (runs.length === 0) return;
  throw new SluiceError(
    'LEDGER_ACTIVE',
    `${what} requires a ledger whose runs are archived, but these are active: ${runs.join(', ')}.`,
    { details: { runs } },
  );
}
