import { setTimeout as wait } from 'node:timers/promises';
import type { ChangeStream, Document, ResumeToken, Timestamp } from 'mongodb';
import type { Status } from '#shared/contracts/statuses.ts';
import { type Database, databaseError } from './database.ts';

export type RunListener = (runId: string, status: Status) => void;

/** The first delays are short, because an election takes a few seconds. */
const RETRY_MIN_MS = 100;
const RETRY_MAX_MS = 1_000;

/** Inserted and replaced runs, and updates that a user can see: the renewal of a claim does not set `updated_at`. */
const CHANGES = [
  {
    $match: {
      $or: [
        { operationType: { $in: ['insert', 'replace'] } },
        { 'updateDescription.updatedFields.updated_at': { $exists: true } },
      ],
    },
  },
  { $project: { operationType: 1, 'fullDocument.run_id': 1, 'fullDocument.status': 1 } },
];

/** Changes of runs by all processes. All listeners of a ledger share one change stream, open while there are any. */
export class RunFeed {
  readonly #database: Database;
  readonly #listeners = new Set<RunListener>();
  /** Aborts the reading of the open stream. */
  #reading: AbortController | undefined;
  #opening: Promise<void> | undefined;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Resolves when changes are received. Throws DATABASE_UNAVAILABLE; a stream that breaks later is resumed. */
  async listen(listener: RunListener, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    this.#listeners.add(listener);
    signal.addEventListener('abort', () => this.#remove(listener), { once: true });
    try {
      await (this.#opening ??= this.#open());
    } catch (thrown) {
      this.#opening = undefined;
      this.#remove(listener);
      throw thrown;
    }
  }

  close(): void {
    this.#listeners.clear();
    this.#disconnect();
  }

  async #open(): Promise<void> {
    // Changes after this time are delivered, regardless of when the server opens the stream.
    const { operationTime } = await this.#database.execute((db) => db.command({ ping: 1 }));
    this.#reading = new AbortController();
    void this.#read({ startAtOperationTime: operationTime as Timestamp }, this.#reading.signal);
  }

  /** Reads until the signal aborts, and resumes after the last change when the stream breaks. Never rejects. */
  async #read(
    start: { startAtOperationTime?: Timestamp; resumeAfter?: ResumeToken },
    signal: AbortSignal,
  ): Promise<void> {
    let from = start;
    for (let delay = RETRY_MIN_MS; !signal.aborted; delay = Math.min(delay * 2, RETRY_MAX_MS)) {
      let stream: ChangeStream | undefined;
      try {
        stream = await this.#database.execute((db) =>
          Promise.resolve(db.collection('runs').watch(CHANGES, { fullDocument: 'updateLookup', ...from })),
        );
        const close = () => void stream?.close().catch(() => undefined);
        signal.addEventListener('abort', close, { once: true });
        for await (const change of stream) {
          from = { resumeAfter: change._id };
          delay = RETRY_MIN_MS;
          this.#notify((change as { fullDocument?: Document }).fullDocument);
        }
      } catch (thrown) {
        // The server no longer has the changes since the break. Listeners read the run again after a while.
        if (isHistoryLost(thrown)) from = {};
      } finally {
        await stream?.close().catch(() => undefined);
      }
      await wait(delay, undefined, { signal }).catch(() => undefined);
    }
  }

  /** The run is undefined when it was deleted meanwhile. */
  #notify(run: Document | undefined): void {
    if (run === undefined) return;
    for (const listener of this.#listeners) listener(run.run_id as string, run.status as Status);
  }

  #remove(listener: RunListener): void {
    this.#listeners.delete(listener);
    if (this.#listeners.size === 0) this.#disconnect();
  }

  #disconnect(): void {
    this.#reading?.abort();
    this.#reading = undefined;
    this.#opening = undefined;
  }
}

/** ChangeStreamHistoryLost, ChangeStreamFatalError: the token cannot be resumed. */
const HISTORY_LOST = new Set([286, 280]);

function isHistoryLost(thrown: unknown): boolean {
  const { cause } = databaseError(thrown);
  return HISTORY_LOST.has((cause as { code?: number } | undefined)?.code ?? 0);
}
