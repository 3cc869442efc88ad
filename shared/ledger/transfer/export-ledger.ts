import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { open, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { SLUICE_VERSION } from '#shared/config/version.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { writeFileStream } from '#shared/streams/file-streams.ts';
import type { CollectionName } from '../collections.ts';
import { newHeader, toLine, TRANSFER_ORDER } from './export-format.ts';
import { type LedgerSnapshot, requireNoActiveRuns, type StoredLedger, type TransferOptions } from './stored-ledger.ts';

export type Counts = Record<CollectionName, number>;

/**
 * Writes all documents of the ledger to a new file (export-format.ts), and returns how many. The documents are those of
 * one moment. The file has its name only when it is complete. Memory does not grow with the number of documents.
 * Throws REQUEST_INVALID if the file exists or cannot be created, LEDGER_ACTIVE, DATABASE_UNAVAILABLE.
 */
export async function exportLedger(file: string, ledger: StoredLedger, options: TransferOptions): Promise<Counts> {
  const partial = `${file}.partial`;
  await createFile(file, partial);
  try {
    const snapshot = await ledger.openSnapshot();
    try {
      await requireNoActiveRuns(snapshot, options, 'The export');
      const counts = Object.fromEntries(TRANSFER_ORDER.map((name) => [name, 0])) as Counts;
      const lines = linesOf(snapshot, newHeader(ledger.source, SLUICE_VERSION), counts);
      await pipeline(lines, writeFileStream(partial), { signal: options.signal });
      await flush(partial);
      await rename(partial, file);
      await flush(dirname(file));
      return counts;
    } finally {
      await snapshot.close();
    }
  } catch (thrown) {
    await rm(partial, { force: true });
    throw thrown;
  }
}

/** Creates the partial file, or replaces the one of an interrupted export. */
async function createFile(file: string, partial: string): Promise<void> {
  const invalid = (reason: string, cause?: unknown) =>
    new SluiceError('REQUEST_INVALID', `${file} ${reason}. Choose another file for the export.`, {
      cause,
      details: { file },
    });
  if (existsSync(file)) throw invalid('exists');
  try {
    await writeFile(partial, '');
  } catch (cause) {
    throw invalid(`cannot be created: ${(cause as Error).message}`, cause);
  }
}

async function flush(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The text of the file. Counts the documents in `counts`. */
async function* linesOf(snapshot: LedgerSnapshot, header: object, counts: Counts): AsyncGenerator<string> {
  const hash = createHash('sha256');
  const hashed = (text: string) => {
    hash.update(text);
    return text;
  };
  yield hashed(toLine(header));
  for (const collection of TRANSFER_ORDER)
    for await (const documents of snapshot.read(collection)) {
      counts[collection] += documents.length;
      yield hashed(documents.map((document) => toLine({ collection, document })).join(''));
    }
  yield toLine({ trailer: { counts, sha256: hash.digest('hex') } });
}
