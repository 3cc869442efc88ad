import { setTimeout as wait } from 'node:timers/promises';
import type { ChangeStream, Document, ResumeToken, Timestamp } from 'mongodb';
import type { Status } from '#shared/contracts/statuses.ts';
import type { RunListener, RunSource } from '../run-feed.ts';
import { type Database, databaseError } from './database.ts';

/** The first delays are short, because an election takes a few seconds. */
const RETRY_MIN_MS = 100;
const RETRY_MAX_MS = 1_000;

/** Which changes a stream delivers. */
export type ChangeFilter = Document;

/** Inserted and replaced runs, and updates that a user can see: the renewal of a claim does not set `updated_at`. */
export const CHANGES: ChangeFilter = {
  $or: [
    { operationType: { $in: ['insert', 'replace'] } },
    { 'updateDescription.updatedFields.updated_at': { $exists: true } },
  ],
};

/**
 * Changes of ended runs. A run has about ten changes and one end, and the server reads the run for each change that it
 * delivers, once for each stream.
 */
export const ENDS: ChangeFilter = {
  $or: [
    { operationType: 'replace', 'fullDocument.status': { $ne: 'running' } },
    { 'updateDescription.updatedFields.status': { $exists: true } },
  ],
};

const FIELDS = { operationType: 1, 'fullDocument.run_id': 1, 'fullDocument.status': 1 };

interface Start {
  startAtOperationTime?: Timestamp;
  resumeAfter?: ResumeToken;
}

/** Opens a change stream on the runs. Throws DATABASE_UNAVAILABLE; a stream that breaks later is resumed. */
export async function openRunSource(database: Database, filter: ChangeFilter, notify: RunListener): Promise<RunSource> {
  // Changes after this time are delivered, regardless of when the server opens the stream.
  const { operationTime } = await database.execute((db) => db.command({ ping: 1 }));
  const ending = new AbortController();
  const start = { startAtOperationTime: operationTime as Timestamp };
  void readChanges({ database, filter, notify }, start, ending.signal);
  return { close: () => ending.abort() };
}

interface Reader {
  database: Database;
  filter: ChangeFilter;
  notify: RunListener;
}

/** Reads until the signal aborts, and resumes after the last change when the stream breaks. Never rejects. */
async function readChanges({ database, filter, notify }: Reader, start: Start, signal: AbortSignal): Promise<void> {
  const pipeline = [{ $match: filter }, { $project: FIELDS }];
  let from = start;
  for (let delay = RETRY_MIN_MS; !signal.aborted; delay = Math.min(delay * 2, RETRY_MAX_MS)) {
    let stream: ChangeStream | undefined;
    const close = () => void stream?.close().catch(() => undefined);
    signal.addEventListener('abort', close, { once: true });
    try {
      stream = await database.execute((db) =>
        Promise.resolve(db.collection('runs').watch(pipeline, { fullDocument: 'updateLookup', ...from })),
      );
      if (signal.aborted) return;
      for await (const change of stream) {
        delay = RETRY_MIN_MS;
        const { fullDocument: run } = change as { fullDocument?: Document };
        // The run is undefined when it was deleted meanwhile.
        if (run !== undefined) notify(run.run_id as string, run.status as Status);
      }
      from = resumeAfter(stream, from);
    } catch (thrown) {
      from = resumeAfter(stream, from);
      // The server no longer has the changes since the break. Listeners read the run again after a while.
      if (isHistoryLost(thrown)) from = {};
    } finally {
      signal.removeEventListener('abort', close);
      close();
    }
    await wait(delay, undefined, { signal }).catch(() => undefined);
  }
}

/** The token is that of the last change, or a later one of the server while no run changes. */
function resumeAfter(stream: ChangeStream | undefined, before: Start): Start {
  return stream?.resumeToken == null ? before : { resumeAfter: stream.resumeToken };
}

/** ChangeStreamHistoryLost, ChangeStreamFatalError, InvalidResumeToken: the stream cannot be resumed at the token. */
const HISTORY_LOST = new Set([286, 280, 260]);

function isHistoryLost(thrown: unknown): boolean {
  const { cause } = databaseError(thrown);
  return HISTORY_LOST.has((cause as { code?: number } | undefined)?.code ?? 0);
}
