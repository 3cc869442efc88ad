import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import S3rver from 's3rver';
import { type Logger, SILENT_LOG } from '#shared/log/log.ts';
import { makeWritesAtomic, repairStaging } from './atomic-writes.ts';
import { answerAborts, removeAbandonedUploads, keepAliveWhileWriting } from './multipart-uploads.ts';
import { copyObjects } from './copy-source.ts';
import { deleteObjects } from './delete-objects.ts';
import { listObjects } from './list-objects.ts';
import { convertErrors, type KoaContext, type S3rverStore } from './s3rver.ts';
import { ignoreError } from '#shared/streams/file-streams.ts';
import { closeServer, closeStalledConnections, STALL_MS } from '../api/listen.ts';
import { type StoreAccess, withAccessControl } from './store-access/check-request.ts';

/** The embedded S3 server, which runs in this process. With S3_ENDPOINT, Sluice uses another server instead. */
export interface EmbeddedObjectStore {
  endpoint: string;
  /** Waits for running requests for DRAIN_MS, then closes their connections. */
  stop(): Promise<void>;
}

export interface ObjectStoreOptions extends StoreAccess {
  /** Folder of the objects. Created if it is missing. */
  directory: string;
  /** Port to listen on. 0 selects a free port. */
  port: number;
  log?: Logger;
  /** Called with an S3 notification after each write and delete, before the client gets the response. */
  onNotification?: (body: unknown) => void;
}

const ADDRESS = '127.0.0.1';
/** How long a stop waits for running requests. */
const DRAIN_MS = 2_000;
/** How often abandoned multipart uploads are removed. */
const SWEEP_MS = 10 * 60_000;
/** Members of s3rver and of Koa, its base, that the types of s3rver omit. */
type S3rverInternals = S3rver & {
  store: S3rverStore;
  middleware: ((context: KoaContext, next: () => Promise<void>) => Promise<void>)[];
  on(event: 'event' | 'error', listener: (body: unknown) => void): void;
};

/** Starts the store, and completes or removes interrupted uploads. Throws the system error EADDRINUSE. */
export async function startObjectStore({
  directory,
  port,
  buckets,
  log = SILENT_LOG,
  onNotification,
  ...access
}: ObjectStoreOptions): Promise<EmbeddedObjectStore> {
  const root = join(directory, 'objects');
  const staging = join(directory, 'incoming');
  await mkdir(root, { recursive: true });
  const repaired = await repairStaging(staging);
  if (repaired.completed + repaired.removed > 0) log.warn(repaired, 'Upload:Recover:Done');
  await removeAbandonedUploads(root, buckets, { starting: true });

  const configureBuckets = buckets.map((name) => ({ name, configs: [] }));
  const server = new S3rver({
    silent: true,
    directory: root,
    vhostBuckets: false,
    configureBuckets,
  }) as S3rverInternals;
  makeWritesAtomic(server.store, root, staging);
  server.middleware.unshift(
    convertErrors,
    keepAliveWhileWriting(),
    copyObjects(buckets, server.store),
    answerAborts(server.store),
    deleteObjects(buckets, server.store),
    listObjects(root, server.store),
  );
  server.on('event', (body) => onNotification?.(body));
  server.on('error', (reason) => logFailure(log, reason)); // Without a listener, Koa prints the error.
  await server.configureBuckets();
  // `run` of s3rver is not used: if the port is in use, it never resolves, and it ends the process.
  const answer = withAccessControl(server.callback(), { ...access, buckets });
  const http = createServer((request, response) => void answer(request, response));
  http.on('error', ignoreError); // `once` below rejects with it.
  // Longer than the limit of the gateway, which forwards the uploads of its clients.
  closeStalledConnections(http, { stallMs: 2 * STALL_MS, keepSlowReaders: true });
  http.listen(port, ADDRESS);
  await once(http, 'listening');
  const sweep = setInterval(() => {
    removeAbandonedUploads(root, buckets, { starting: false }).catch((reason: unknown) => logFailure(log, reason));
  }, SWEEP_MS).unref();
  return {
    endpoint: `http://${ADDRESS}:${(http.address() as AddressInfo).port}`,
    stop: () => {
      clearInterval(sweep);
      return closeServer(http, DRAIN_MS);
    },
  };
}

/** Responses such as "no such key" are not failures. */
function logFailure(log: Logger, reason: unknown): void {
  const { status = 500 } = reason as { status?: number };
  if (status >= 500) log.warn({ reason }, 'ObjectStore:Request:Failed');
}
