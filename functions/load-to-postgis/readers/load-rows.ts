import { on } from 'node:events';
import { pipeline } from 'node:stream/promises';
import { Worker } from 'node:worker_threads';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import format from 'pg-format';
import type { Note } from '#shared/contracts/shared-schemas.ts';
import { statementFailure } from '#shared/errors/database-failure.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { COPY_HEADER, COPY_TRAILER } from '#shared/databases/copy-binary/copy-format.ts';
import { ignoreError } from '#shared/streams/file-streams.ts';
import { copyLimitExceeded } from '../staging/copy-limit.ts';
import type { StagedNames } from '../staging/staged-names.ts';
import type { LoadContext } from '../load-context.ts';
import { type RowColumn, UnreadableRows } from './table-reader.ts';
import type { RowsJob, RowsMessage } from './rows-worker.ts';

/** Requests that the worker has not answered: it prepares a block while PostgreSQL reads the one before. */
const REQUESTS_AHEAD = 2;
/** SQLSTATEs: a text is not UTF-8, a text contains NUL. */
const NOT_UTF8 = '22021';

export interface LoadedRows {
  columns: RowColumn[];
  notes: Note[];
  unreadable: UnreadableRows;
}

/**
 * Reads a table in a worker and copies its rows to a new unlogged table, in COPY BINARY. The columns have staged names
 * (finishTable). Throws FILE_UNREADABLE, FILE_TOO_LARGE, ENCODING_INVALID, GEOMETRY_INVALID.
 */
export async function loadRows(
  job: RowsJob,
  { table, names, maxBytes }: { table: string; names: StagedNames; maxBytes: number },
  { session, signal }: Pick<LoadContext, 'session' | 'signal'>,
): Promise<LoadedRows> {
  await using rows = new RowsOfWorker(job, signal);
  const { columns, notes } = await rows.columns();
  await session.query(createTable(table, columns, names));
  const unreadable = new UnreadableRows();
  const copy = session.client.query(copyFrom(format('copy %I from stdin (format binary)', table)));
  copy.on('error', ignoreError);
  try {
    await pipeline(rows.blocks(maxBytes, unreadable), copy, { signal });
  } catch (thrown) {
    signal.throwIfAborted();
    throw statementFailure(thrown) ?? rejectedRow(thrown, columns, job.file) ?? thrown;
  }
  await session.query(format('alter table %I add primary key (%I)', table, names.key));
  return { columns, notes, unreadable };
}

function createTable(table: string, columns: readonly RowColumn[], names: StagedNames): string {
  const definitions = [
    format('%I bigint', names.key),
    format('%I geometry', names.geometry),
    ...columns.map(({ type }, index) => format('%I %s', names.attribute(index), type)),
  ];
  return format('create unlogged table %I (%s)', table, definitions.join(', '));
}

/**
 * The messages of a worker. It is ended when this is disposed. piscina is not used, because its tasks return one
 * result, and this worker sends a block for each request.
 */
class RowsOfWorker {
  readonly #worker: Worker;
  readonly #messages: AsyncIterator<[RowsMessage]>;
  readonly #file: string;

  constructor(job: RowsJob, signal: AbortSignal) {
    this.#file = job.file;
    this.#worker = new Worker(new URL('./rows-worker.ts', import.meta.url), { workerData: job });
    this.#messages = on(this.#worker, 'message', { signal }) as AsyncIterator<[RowsMessage]>;
    for (let request = 0; request < REQUESTS_AHEAD; request++) this.#worker.postMessage('next');
  }

  async columns() {
    const message = await this.#next();
    if (message.kind === 'columns') return message;
    throw new SluiceError('INTERNAL', 'The reader returned no columns.');
  }

  /** The stream of COPY BINARY. Throws FILE_TOO_LARGE when it is longer than `maxBytes`. */
  async *blocks(maxBytes: number, unreadable: UnreadableRows): AsyncGenerator<Uint8Array> {
    yield COPY_HEADER;
    let bytes = 0;
    for (;;) {
      const message = await this.#next();
      if (message.kind === 'end') Object.assign(unreadable, message.unreadable);
      if (message.kind !== 'block') break;
      bytes += message.block.length;
      if (bytes > maxBytes) throw copyLimitExceeded(this.#file, maxBytes);
      yield message.block;
    }
    yield COPY_TRAILER;
  }

  async #next(): Promise<RowsMessage> {
    const { value } = (await this.#messages.next()) as IteratorYieldResult<[RowsMessage]>;
    const [message] = value;
    this.#worker.postMessage('next');
    if (message.kind === 'error')
      throw new SluiceError(message.error.code, message.error.message, { details: message.error.details });
    return message;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }
}

/** The error of a value that PostgreSQL rejected, with its row; undefined for another error. */
function rejectedRow(thrown: unknown, columns: readonly RowColumn[], file: string): SluiceError | undefined {
  if (!(thrown instanceof pg.DatabaseError)) return undefined;
  const [, row, staged = ''] = /line (\d+), column (.+)$/.exec(thrown.where ?? '') ?? [];
  if (row === undefined) return undefined;
  const index = /~(\d+)$/.exec(staged)?.[1];
  const column = index === undefined ? undefined : columns[Number(index)]?.name;
  const place = `Row ${row} of ${file}${column === undefined ? '' : `, column ${JSON.stringify(column)}`}`;
  const details = { file, row: Number(row), ...(column === undefined ? {} : { column }) };
  if (column === undefined)
    return new SluiceError('GEOMETRY_INVALID', `${place}: ${thrown.message}. Correct the geometry.`, {
      cause: thrown,
      details,
    });
  if (thrown.code === NOT_UTF8)
    return new SluiceError(
      'ENCODING_INVALID',
      `${place}: the text is not valid UTF-8 (${thrown.message}). Correct the text.`,
      { cause: thrown, details },
    );
  return new SluiceError('FILE_UNREADABLE', `${place}: ${thrown.message}. Correct the value.`, {
    cause: thrown,
    details,
  });
}
