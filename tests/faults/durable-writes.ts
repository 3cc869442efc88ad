import childProcess, { type ChildProcess } from 'node:child_process';
import { syncBuiltinESMExports } from 'node:module';
import { Stream } from 'node:stream';
import { S3Client } from '@aws-sdk/client-s3';
import { ClientSession, Collection } from 'mongodb';
import pg from 'pg';

/** One durable write of a process. */
export interface WritePoint {
  /**
   * Statement, write to MongoDB, S3 command or program. Ids and numbers are replaced, so that the name is the same in
   * every run.
   */
  name: string;
  /** 1 for the first write with this name since the start of the count; 0 while writes are not counted. */
  occurrence: number;
}

/**
 * `before` is called before each durable write starts, and `after` when it is durable. All but programs
 * wait for the promise of `before`. The caller of an S3 request or of a write to MongoDB also waits for the promise of
 * `after`.
 */
export interface WriteObserver {
  /** Whether writes are counted now. */
  counts(): boolean;
  before(point: WritePoint): Promise<void> | undefined;
  after(point: WritePoint): Promise<void> | undefined;
}

const WRITES =
  /^\s*(with\b.*\b)?(insert|update|delete|create|drop|alter|truncate|commit|copy \S+ from stdin|select .*(pg_notify|pg_terminate_backend|nextval)|do\b)/is;
const S3_WRITES = new Set([
  'PutObjectCommand',
  'CopyObjectCommand',
  'DeleteObjectCommand',
  'CompleteMultipartUploadCommand',
]);
const PROGRAMS = /\b(ogr2ogr|gdal_translate|gdalwarp)\b/;

/**
 * Observes every durable write of this process: SQL statements, writes to MongoDB, S3 requests, and GDAL programs that
 * write to PostGIS.
 * It replaces functions of the drivers, so that it observes all writes without changes in Sluice. Returns a function
 * that starts the count of the occurrences again.
 */
export function watchWrites(observer: WriteObserver): () => void {
  const counts = new Map<string, number>();
  const next = (name: string): WritePoint => {
    if (!observer.counts()) return { name, occurrence: 0 };
    const occurrence = (counts.get(name) ?? 0) + 1;
    counts.set(name, occurrence);
    return { name, occurrence };
  };
  watchSql(next, observer);
  watchMongo(next, observer);
  watchS3(next, observer);
  watchPrograms(next, observer);
  return () => counts.clear();
}

type Next = (name: string) => WritePoint;

/** A name that is the same for a statement in every run. */
function nameOf(statement: string): string {
  return statement
    .replaceAll(/proc_[0-9a-f_]{36}/g, 'proc')
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}|\b[0-9a-f]{24,}\b/g, 'ID')
    .replaceAll(/\d+/g, 'N')
    .replaceAll(/\s+/g, ' ')
    .trim()
    .slice(0, 90);
}

/** A renewal is named otherwise, because its text begins as that of the end of a step, and timers repeat it. */
function isRenewal(statement: unknown): boolean {
  return (statement as { name?: string } | undefined)?.name === 'ledger.renew';
}

function watchSql(next: Next, observer: WriteObserver): void {
  const query = pg.Client.prototype.query as (...args: unknown[]) => unknown;
  pg.Client.prototype.query = function watched(this: pg.Client, ...args: unknown[]): unknown {
    const [first] = args;
    const text = typeof first === 'string' ? first : ((first as { text?: unknown } | undefined)?.text ?? '');
    if (typeof text !== 'string' || !WRITES.test(text)) return query.apply(this, args);
    const point = next(`sql ${isRenewal(first) ? 'renew the claim' : nameOf(text)}`);
    const waiting = observer.before(point);
    // A stream for COPY is both the argument and the result.
    if (waiting !== undefined) {
      const result = waiting.then(() => query.apply(this, args));
      return first instanceof Stream ? first : result;
    }
    const result = query.apply(this, args);
    if (result instanceof Promise)
      void result.then(
        () => observer.after(point),
        () => undefined,
      );
    return result;
  } as typeof pg.Client.prototype.query;
}

/** The methods of a collection that the ledger calls to write. */
const MONGO_WRITES = ['insertOne', 'updateOne', 'updateMany', 'findOneAndUpdate', 'replaceOne', 'bulkWrite'] as const;

/** Writes to MongoDB, and the commits of transactions. Writes of a transaction are durable only after its commit. */
function watchMongo(next: Next, observer: WriteObserver): void {
  type Write = (...args: unknown[]) => Promise<unknown>;
  const watch = (target: object, method: string, name: (self: unknown, args: unknown[]) => string) => {
    const write = Reflect.get(target, method) as Write;
    const watched = async function (this: unknown, ...args: unknown[]): Promise<unknown> {
      const point = next(`mongodb ${name(this, args)}`);
      await observer.before(point);
      const result = await write.apply(this, args);
      await observer.after(point);
      return result;
    };
    Reflect.set(target, method, watched);
  };
  for (const method of MONGO_WRITES)
    watch(Collection.prototype, method, (self, args) => {
      const { collectionName } = self as Collection;
      const fields = changedFields(args[1]);
      if (collectionName === 'runs' && fields === 'steps') return 'renew the claim';
      return `${method} ${collectionName} ${fields}`.trim();
    });
  watch(ClientSession.prototype, 'commitTransaction', () => 'commit');
}

/** The fields that an update sets, without those of the internal bookkeeping. Empty for an insert. */
function changedFields(update: unknown): string {
  const [first] = [update].flat();
  const { $set = {}, $inc = {} } = (first ?? {}) as { $set?: object; $inc?: object };
  return Object.keys({ ...$set, ...$inc })
    .filter((name) => !name.startsWith('_'))
    .join(' ');
}

function watchS3(next: Next, observer: WriteObserver): void {
  const send = S3Client.prototype.send as (...args: unknown[]) => Promise<unknown>;
  S3Client.prototype.send = function watched(this: S3Client, ...args: unknown[]): Promise<unknown> {
    const command = args[0] as { constructor: { name: string }; input: { Bucket?: string } };
    if (!S3_WRITES.has(command.constructor.name)) return send.apply(this, args);
    const point = next(`s3 ${command.constructor.name} ${command.input.Bucket}`);
    const waiting = observer.before(point);
    const sent = waiting === undefined ? send.apply(this, args) : waiting.then(() => send.apply(this, args));
    return sent.then(async (reply) => {
      await observer.after(point);
      return reply;
    });
  } as typeof S3Client.prototype.send;
}

function watchPrograms(next: Next, observer: WriteObserver): void {
  const spawn = childProcess.spawn as (...args: unknown[]) => ChildProcess;
  childProcess.spawn = function watched(...args: unknown[]): ChildProcess {
    const program = PROGRAMS.exec([args[0], ...(Array.isArray(args[1]) ? (args[1] as string[]) : [])].join(' '))?.[1];
    if (program === undefined) return spawn(...args);
    const start = next(`program ${program}`);
    const running = next(`program ${program}, running`);
    void observer.before(start);
    const child = spawn(...args);
    child.once('spawn', () => setImmediate(() => void observer.before(running)));
    child.once('exit', () => void observer.after(start));
    return child;
  } as typeof childProcess.spawn;
  syncBuiltinESMExports();
}
