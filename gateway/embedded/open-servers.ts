import { join } from 'node:path';
import type { Env } from '#shared/config/env.ts';
import type { SluiceError } from '#shared/errors/sluice-error.ts';
import type { Logger } from '#shared/log/log.ts';
import { listenError } from '../api/listen.ts';
import { CONTROL_DATABASE, postgresFolder } from './control-database.ts';
import { startPostgres } from './postgres.ts';
import { embeddedStoreKeys } from './store-access/store-keys.ts';

export interface EmbeddedServerOptions {
  /** Folder of the data of the embedded servers. */
  home: string;
  log: Logger;
  /** The started servers are added here, to be stopped. */
  opened: AsyncDisposableStack;
  /** Called when the embedded PostgreSQL has failed and cannot be restarted. */
  onFailure: (error: SluiceError) => void;
  /** Called with each notification of the embedded object store. */
  onNotification: (body: unknown) => void;
  /** Reports the progress of a start. */
  track: <T>(part: string, work: Promise<T>) => Promise<T>;
}

/** The addresses of the servers that the environment names, or of the embedded servers that were started instead. */
export async function openServers(env: Env, options: EmbeddedServerOptions) {
  const work = [
    options.track('PostgreSQL', openDatabases(env, options)),
    options.track('object store', openObjectStore(env, options)),
  ] as const;
  // Waits for both even if one fails: `opened` must contain every started server before it is disposed.
  await Promise.allSettled(work);
  const [databases, store] = await Promise.all(work);
  return { ...databases, ...store };
}

/** Databases that the environment does not name are created in one embedded cluster. */
async function openDatabases(env: Env, { home, log, opened, onFailure }: EmbeddedServerOptions) {
  if (env.CONTROL_DATABASE_URL !== undefined && env.POSTGIS_URL !== undefined)
    return { CONTROL_DATABASE_URL: env.CONTROL_DATABASE_URL, POSTGIS_URL: env.POSTGIS_URL };
  const postgres = await startPostgres(postgresFolder(home), {
    log,
    onGiveUp: onFailure,
    memoryBytes: env.POSTGRES_MEMORY_BYTES,
  });
  opened.defer(() => postgres.stop());
  const [CONTROL_DATABASE_URL, POSTGIS_URL] = await Promise.all([
    env.CONTROL_DATABASE_URL ?? postgres.database(CONTROL_DATABASE),
    env.POSTGIS_URL ?? postgres.database('spatial_compute', { postgis: true }),
  ]);
  return { CONTROL_DATABASE_URL, POSTGIS_URL };
}

async function openObjectStore(env: Env, { home, log, opened, onNotification }: EmbeddedServerOptions) {
  if (env.S3_ENDPOINT !== undefined) return { S3_ENDPOINT: env.S3_ENDPOINT };
  const port = env.S3_EMBEDDED_PORT;
  const buckets = [env.LANDING_BUCKET, env.LAKE_BUCKET];
  const directory = join(home, 's3');
  const keys = embeddedStoreKeys(env, home);
  const access = { keys, buckets, publicUrl: env.PUBLIC_URL };
  // Loaded only here: the modules of the server need a fourth of the processor time of a start with S3_ENDPOINT.
  const { startObjectStore } = await import('./object-store.ts');
  const store = await startObjectStore({ directory, port, ...access, log, onNotification }).catch(
    async (thrown: unknown) => {
      if ((thrown as NodeJS.ErrnoException).syscall !== 'listen') throw thrown; // For example, the disk is full.
      throw await listenError(thrown, { host: '127.0.0.1', port, variable: 'S3_EMBEDDED_PORT' });
    },
  );
  opened.defer(() => store.stop());
  const { accessKeyId, secretAccessKey } = keys;
  return { S3_ENDPOINT: store.endpoint, S3_ACCESS_KEY_ID: accessKeyId, S3_SECRET_ACCESS_KEY: secretAccessKey };
}
