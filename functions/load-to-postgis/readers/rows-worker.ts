import { parentPort, workerData } from 'node:worker_threads';
import type { Note } from '#shared/contracts/shared-schemas.ts';
import { asSluiceError, type ErrorDocument } from '#shared/errors/sluice-error.ts';
import type { RowColumn, TableReader, UnreadableRows } from './table-reader.ts';
import { type FlatGeobufJob, readFlatGeobuf } from './flatgeobuf-rows.ts';
import { readSqlite, type SqliteJob } from './sqlite-rows.ts';

/**
 * Reads a file in a thread of its own, because the readers are synchronous. The main thread requests each message, so
 * that the blocks in memory are few.
 */

export type RowsJob = SqliteJob | FlatGeobufJob;

export type RowsMessage =
  | { kind: 'columns'; columns: RowColumn[]; notes: Note[] }
  | { kind: 'block'; block: Uint8Array<ArrayBuffer> }
  | { kind: 'end'; unreadable: UnreadableRows }
  | { kind: 'error'; error: ErrorDocument };

const BLOCK_BYTES = 2 ** 19;

function openReader(job: RowsJob): TableReader {
  return job.kind === 'sqlite' ? readSqlite(job) : readFlatGeobuf(job);
}

function* messages(job: RowsJob): Generator<RowsMessage> {
  let reader: TableReader | undefined;
  try {
    reader = openReader(job);
    yield { kind: 'columns', columns: reader.columns, notes: reader.notes };
    for (const block of reader.blocks(BLOCK_BYTES)) yield { kind: 'block', block };
    yield { kind: 'end', unreadable: reader.unreadable };
  } catch (thrown) {
    yield { kind: 'error', error: asSluiceError(thrown).toDocument() };
  } finally {
    reader?.close();
  }
}

const produced = messages(workerData as RowsJob);
parentPort?.on('message', () => {
  const next = produced.next();
  if (next.done === true) return;
  parentPort?.postMessage(next.value, next.value.kind === 'block' ? [next.value.block.buffer] : []);
});
