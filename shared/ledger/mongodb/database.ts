import { setTimeout as wait } from 'node:timers/promises';
import {
  type ClientSession,
  type Collection,
  type Db,
  MongoClient,
  type MongoClientOptions,
  MongoError,
  MongoParseError,
  MongoServerError,
  ObjectId,
} from 'mongodb';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import type { CollectionName } from '../collections.ts';
import type { Stored } from './stored-documents.ts';

/** The database in the URL is used; without one, this one. */
const DEFAULT_DATABASE = 'sluice';
/** Operations take milliseconds, so a few connections suffice. On a cluster, every function has its own pool. */
export const MAX_CONNECTIONS = 8;
/** Time to find a primary, as after an election. */
const SELECTION_TIMEOUT_MS = 10_000;
/** A server that does not respond to an operation within this time is treated as unavailable. */
const RESPONSE_TIMEOUT_MS = 30_000;

/** Longest delay before a transaction that conflicted with another one is repeated. */
const MAX_CONFLICT_DELAY_MS = 500;

export const DUPLICATE_KEY = 11_000;
const DOCUMENT_INVALID = 121;
const OUT_OF_DISK_SPACE = 14_031;
const SNAPSHOT_TOO_OLD = 239;
/** Error codes of the server: Unauthorized (13) and AuthenticationFailed (18). */
const DENIED = new Set([18, 13]);
/**
 * Errors of servers that shut down, step down, or have no primary or no majority, and of operations that took too long
 * (manual, "Error Codes").
 */
const TRANSIENT_CODES = new Set([
  ...[6, 7, 50, 64, 89, 91, 112, 133, 189, 262, 317, 9001],
  ...[10_058, 10_107, 11_600, 11_602, 13_435, 13_436],
]);
/** Labels of errors for which a repeat of the operation can succeed. */
const TRANSIENT_LABELS = ['TransientTransactionError', 'UnknownTransactionCommitResult', 'RetryableWriteError'];

/** The connection pool of a ledger. Writes are acknowledged by a majority, and reads return only such writes. */
export class Database {
  readonly client: MongoClient;
  readonly #db: Db;

  /** `options` are added to those of the driver. Throws CONFIG_INVALID. Does not connect. */
  constructor(url: string, options: MongoClientOptions = {}) {
    try {
      this.client = new MongoClient(url, {
        appName: 'sluice:ledger',
        ...defaultsFor(url),
        writeConcern: { w: 'majority' },
        readConcern: { level: 'majority' },
        readPreference: 'primary',
        retryWrites: true,
        ignoreUndefined: true,
        ...options,
      });
    } catch (thrown) {
      // The message of the driver can quote the URL with its password.
      if (thrown instanceof MongoError)
        throw new SluiceError('CONFIG_INVALID', 'LEDGER_URL is not a valid MongoDB connection string.', {
          details: { variable: 'LEDGER_URL', reason: thrown instanceof MongoParseError ? 'parse' : thrown.name },
        });
      throw thrown;
    }
    this.#db = this.client.db(databaseName(url));
  }

  /** Executes operations. Throws DATABASE_UNAVAILABLE, DISK_FULL, CONFIG_INVALID; other errors are INTERNAL. */
  async execute<T>(operations: (db: Db) => Promise<T>): Promise<T> {
    try {
      return await operations(this.#db);
    } catch (thrown) {
      throw databaseError(thrown);
    }
  }

  /** Executes operations on one collection. As `execute`. */
  on<T>(name: CollectionName, operations: (collection: Collection<Stored>) => Promise<T>): Promise<T> {
    return this.execute((db) => operations(db.collection<Stored>(name)));
  }

  /**
   * Executes operations as one transaction, which is repeated when it conflicts with another one. `work` must begin
   * with a write to the document that other transactions must not change meanwhile.
   */
  async transaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    let attempts = 0;
    return this.execute((db) =>
      this.client.withSession((session) =>
        session.withTransaction(async () => {
          // The driver repeats without a delay, and the server keeps the transaction of a killed process for a while.
          if (attempts > 0) await wait(Math.random() * Math.min(MAX_CONFLICT_DELAY_MS, 2 ** attempts));
          attempts += 1;
          return work({ session, in: (name) => db.collection<Stored>(name) });
        }),
      ),
    );
  }

  async close(): Promise<void> {
    await this.client.close();
  }
}

/** The defaults of limits that the URL does not set. The driver would prefer them to the options of the URL. */
function defaultsFor(url: string): MongoClientOptions {
  const limits = {
    maxPoolSize: MAX_CONNECTIONS,
    serverSelectionTimeoutMS: SELECTION_TIMEOUT_MS,
    waitQueueTimeoutMS: RESPONSE_TIMEOUT_MS,
    socketTimeoutMS: RESPONSE_TIMEOUT_MS,
  };
  const isSet = (name: string) => new RegExp(`[?&]${name}=`, 'i').test(url);
  return Object.fromEntries(Object.entries(limits).filter(([name]) => !isSet(name)));
}

/** The database in the path of the URL. The default of the driver would be `test`. */
function databaseName(url: string): string {
  const name = /^[^:]+:\/\/[^/?]*\/([^?]+)/.exec(url)?.[1];
  return name === undefined ? DEFAULT_DATABASE : decodeURIComponent(name);
}

/** The operations of a transaction must pass its session. */
export interface Transaction {
  session: ClientSession;
  in: (name: CollectionName) => Collection<Stored>;
}

/** The field of a write that makes two transactions on the same document conflict. */
export function writeMark(): { _write: ObjectId } {
  return { _write: new ObjectId() };
}

/** The error of the driver as a SluiceError. */
export function databaseError(thrown: unknown): SluiceError {
  if (!(thrown instanceof MongoError)) return asSluiceError(thrown);
  const failed = (code: 'DATABASE_UNAVAILABLE' | 'DISK_FULL' | 'CONFIG_INVALID' | 'INTERNAL', message: string) =>
    new SluiceError(code, message, { cause: thrown });
  const { code } = thrown;
  if (code === OUT_OF_DISK_SPACE) return failed('DISK_FULL', thrown.message);
  if (typeof code === 'number' && DENIED.has(code))
    return failed('CONFIG_INVALID', `MongoDB rejected the user of LEDGER_URL: ${thrown.message}.`);
  if (code === SNAPSHOT_TOO_OLD)
    return failed(
      'CONFIG_INVALID',
      'MongoDB deleted the snapshot before it was read. Increase minSnapshotHistoryWindowInSeconds of the server.',
    );
  if (isTransient(thrown)) return failed('DATABASE_UNAVAILABLE', `MongoDB does not respond: ${thrown.message}`);
  if (code === DOCUMENT_INVALID)
    return failed('INTERNAL', `MongoDB rejected a document of the ledger: ${JSON.stringify(reasonOf(thrown))}`);
  return asSluiceError(thrown);
}

/** Inserts a document outside of a transaction. False, without a change, when a unique index rejects it. */
export async function insertNew(collection: Collection<Stored>, document: Stored): Promise<boolean> {
  try {
    await collection.insertOne(document);
    return true;
  } catch (thrown) {
    if (isDuplicate(thrown)) return false;
    throw thrown;
  }
}

/** True when a unique index rejected the write. */
export function isDuplicate(thrown: unknown): boolean {
  const cause: unknown = thrown instanceof SluiceError ? thrown.cause : thrown;
  return cause instanceof MongoServerError && cause.code === DUPLICATE_KEY;
}

/** Errors of the connection are not a MongoServerError: timeouts, closed connections, no primary. */
function isTransient(error: MongoError): boolean {
  if (TRANSIENT_LABELS.some((label) => error.hasErrorLabel(label))) return true;
  if (!(error instanceof MongoServerError))
    return /Network|Selection|Timeout|PoolCleared|NotConnected|Closed/.test(error.name);
  return typeof error.code === 'number' && TRANSIENT_CODES.has(error.code);
}

function reasonOf(error: MongoError): unknown {
  return error instanceof MongoServerError ? (error.errInfo ?? error.message) : error.message;
}
