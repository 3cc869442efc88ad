import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import S3rver from 's3rver';
import { type Logger, SILENT_LOG } from '#shared/log/log.ts';
import { removeAbandonedUploads, repairStaging, type S3rverStore, writeWholeObjects } from './atomic-objects.ts';

/** The embedded S3 server, in this process. Any other S3 takes its place by S3_ENDPOINT. */
export interface EmbeddedObjectStore {
  endpoint: string;
  /** Ends after the requests under way, or ends these too after a moment. */
  stop(): Promise<void>;
}

export interface ObjectStoreOptions {
  /** Folder of the objects; made when it is missing. */
  directory: string;
  /** 0 takes a free one. */
  port: number;
  buckets: string[];
  log?: Logger;
  /** Called with an S3 notification body after each write and delete, before the client has its answer. */
  onNotification?: (body: unknown) => void;
}

/** Credentials that s3rver accepts; it knows no others. */
export const EMBEDDED_CREDENTIALS = { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' };

const ADDRESS = '127.0.0.1';
/** Time for requests under way when it stops. */
const DRAIN_MS = 2_000;

/** The parts of s3rver and of Koa below it that its types leave out. */
type S3rverInside = S3rver & {
  store: S3rverStore;
  middleware: ((ctx: { req: IncomingMessage }, next: () => Promise<void>) => Promise<void>)[];
  on(event: 'event' | 'error', listener: (body: unknown) => void): void;
};

/** Starts the store and repairs what a kill left half done. Throws the system's EADDRINUSE when the port is taken. */
export async function startObjectStore({
  directory,
  port,
  buckets,
  log = SILENT_LOG,
  onNotification,
}: ObjectStoreOptions): Promise<EmbeddedObjectStore> {
  const root = join(directory, 'objects');
  const staging = join(directory, 'incoming');
  await mkdir(root, { recursive: true });
  const repaired = await repairStaging(staging);
  if (repaired.completed + repaired.removed > 0) log.warn(repaired, 'ObjectStore:Uploads:Repaired');
  await removeAbandonedUploads(root, buckets);

  const configureBuckets = buckets.map((name) => ({ name, configs: [] }));
  const server = new S3rver({ silent: true, directory: root, vhostBuckets: false, configureBuckets }) as S3rverInside;
  writeWholeObjects(server.store, root, staging);
  server.middleware.unshift(decodeCopySource);
  server.on('event', (body) => onNotification?.(body));
  server.on('error', (reason) => logFailure(log, reason)); // Koa prints it otherwise.
  await server.configureBuckets();
  // Not s3rver's own `run`: when the port is taken, that never settles and ends the process.
  const http = createServer(server.callback());
  http.listen(port, ADDRESS);
  await once(http, 'listening');
  return { endpoint: `http://${ADDRESS}:${(http.address() as AddressInfo).port}`, stop: () => stop(http) };
}

/** An answer such as "no such key" is no failure. */
function logFailure(log: Logger, reason: unknown): void {
  const { status = 500 } = reason as { status?: number };
  if (status >= 500) log.warn({ reason }, 'ObjectStore:Request:Failed');
}

async function stop(http: Server): Promise<void> {
  const closed = once(http, 'close');
  http.close();
  http.closeIdleConnections();
  const late = setTimeout(() => http.closeAllConnections(), DRAIN_MS);
  await closed;
  clearTimeout(late);
}

/** s3rver decodes the header with decodeURI, which leaves `%23`, `%2B` and the like as they are; keys with `#` or `+` were never found. */
async function decodeCopySource({ req }: { req: IncomingMessage }, next: () => Promise<void>): Promise<void> {
  const source = req.headers['x-amz-copy-source'];
  if (typeof source === 'string') req.headers['x-amz-copy-source'] = recode(source);
  await next();
}

function recode(source: string): string {
  try {
    return encodeURI(decodeURIComponent(source));
  } catch {
    return source; // Not valid percent-encoding: s3rver answers it.
  }
}
