import { join, resolve } from 'node:path';
import { type Env, publicUrl } from '#shared/config/env.ts';
import { asSluiceError, type SluiceError } from '#shared/errors/sluice-error.ts';
import { createLogger, type Logger } from '#shared/log/log.ts';
import { deleteWorkingData, deleteLateUploads } from '#shared/run-control/working-data.ts';
import type { Context } from '#shared/runtime/context.ts';
import { functionUrls, HttpClientHost } from '#shared/runtime/http-client-host.ts';
import { InProcessHost } from '#shared/runtime/in-process-host.ts';
import { openContext } from '#shared/runtime/make-context.ts';
import { announce, announceDue, announceWaiting } from './jobs/publish-pending.ts';
import { createGateway } from './api/app.ts';
import { runCron } from './jobs/cron.ts';
import { lockFolder } from './embedded/folder-lock.ts';
import { EMBEDDED_CREDENTIALS, startObjectStore } from './embedded/object-store.ts';
import { startPostgres } from './embedded/postgres.ts';
import { listenError, listen } from './api/listen.ts';
import { createRouter, type Router } from './router/router.ts';
import { readStack } from '#shared/config/stack.ts';

/** A Sluice that is ready: it takes manifests and runs functions until `stop`. */
export interface RunningSluice {
  /** With the addresses of the embedded servers filled in. */
  env: Env;
  context: Context;
  router: Router;
  /** True when the object store is the embedded one, which tells of each upload by itself. */
  ownStore: boolean;
  /** Announces the manifests in the landing zone, for a store that sends no notifications. */
  announceWaiting: () => Promise<number>;
  /** Rejects when something that Sluice cannot do without is gone for good. Never resolves. */
  broken: Promise<never>;
  /** Ends calls under way, and everything that was started. */
  stop(): Promise<void>;
}

export interface StartOptions {
  /** By default one as `env` configures it. */
  log?: Logger;
  /** Called when a part begins to start and when it is ready. */
  onProgress?: (part: string, state: 'begins' | 'ready') => void;
}

/**
 * Starts everything that `env` does not name a server for: PostgreSQL, the object store, then router and gateway with the functions.
 * What a dead process left is cleaned up, and manifests that nobody announced are announced. Throws SETUP_FAILED, CONFIG_INVALID,
 * DATABASE_UNAVAILABLE, STORE_UNAVAILABLE; nothing stays behind then.
 */
export async function startSluice(
  given: Env,
  { log = createLogger(given), onProgress = () => undefined }: StartOptions = {},
): Promise<RunningSluice> {
  const step = async <T>(part: string, work: Promise<T>): Promise<T> => {
    onProgress(part, 'begins');
    const result = await work;
    onProgress(part, 'ready');
    return result;
  };
  await using opened = new AsyncDisposableStack();
  const home = resolve(given.SLUICE_HOME);
  const ending = new AbortController();
  const { promise: broken, reject: breakDown } = Promise.withResolvers<never>();
  broken.catch(() => undefined); // Whoever waits for it is told; nobody has to wait.

  const lock = lockFolder(join(home, 'sluice.lock'), 'Sluice', publicUrl(given));
  opened.defer(() => lock.release());
  const listener = await listen(given);
  opened.defer(() => listener.close());

  // The store announces uploads before the router is there to hear of them: the sweep below finds those.
  let onNotification: (body: unknown) => void = () => undefined;
  const [databases, store] = await settled([
    step('PostgreSQL', openDatabases(given, home, opened, log, breakDown)),
    step(
      'object store',
      openStore(given, home, opened, log, (body) => onNotification(body)),
    ),
  ]);
  const env: Env = { ...given, ...databases, ...store, PORT: listener.port };

  const stack = await readStack();
  const context = await openContext(env, log, { stack });
  opened.defer(() => context[Symbol.asyncDispose]());
  const host =
    env.FUNCTION_URL === undefined
      ? new InProcessHost({ ...context, publish: (event) => router.publish(event) }, { stack })
      : new HttpClientHost(functionUrls(env.FUNCTION_URL));
  const router = await createRouter({ databaseUrl: databases.CONTROL_DATABASE_URL, stack, host, env, log });
  opened.defer(() => router.stop());
  const background: Promise<unknown>[] = [];
  opened.defer(async () => {
    ending.abort();
    await Promise.allSettled(background);
  });

  if (given.S3_ENDPOINT !== undefined)
    for (const bucket of [env.LANDING_BUCKET, env.LAKE_BUCKET]) await context.objects.ensureBucket(bucket);
  const parts = { ...context, env, router, signal: ending.signal };
  onNotification = (body) => void announce(body, parts);
  await logFailure(
    log,
    'WorkingData:Delete:Failed',
    deleteWorkingData(context, { ownPostgis: given.POSTGIS_URL === undefined }),
  );
  await router.start();
  background.push(runCron({ stack, router, log, signal: ending.signal }));
  background.push(
    logFailure(log, 'Recovery:Runs:Failed', announceDue(parts)),
    logFailure(log, 'Recovery:Manifests:Failed', announceWaiting(parts)),
    logFailure(log, 'Recovery:Lake:Failed', deleteLateUploads(context, ending.signal)),
  );

  const { fetch } = createGateway({
    env,
    router,
    host,
    stack,
    servedLanes: context.servedLanes,
    ledger: context.ledger,
    objects: context.objects,
    postgis: context.postgis,
    log,
  });
  listener.answerWith((request) => fetch(request));
  opened.defer(() => listener.close()); // First of all when it stops: nothing new comes in.
  log.info({ url: publicUrl(env), store: env.S3_ENDPOINT }, 'Sluice:Start:Ready');
  if (host instanceof InProcessHost) background.push(host.warmUp(stack.functions.map(({ name }) => name))); // Nobody waits for it.
  const running = opened.move();
  return {
    env,
    context,
    router,
    ownStore: given.S3_ENDPOINT === undefined,
    announceWaiting: () => announceWaiting(parts),
    broken,
    stop: () => running.disposeAsync(),
  };
}

/** The databases that are not given, in one private cluster. */
async function openDatabases(
  env: Env,
  home: string,
  opened: AsyncDisposableStack,
  log: Logger,
  breakDown: (error: SluiceError) => void,
) {
  if (env.CONTROL_DATABASE_URL !== undefined && env.POSTGIS_URL !== undefined)
    return { CONTROL_DATABASE_URL: env.CONTROL_DATABASE_URL, POSTGIS_URL: env.POSTGIS_URL };
  const postgres = await startPostgres(join(home, 'postgres'), { log, onGiveUp: breakDown });
  opened.defer(() => postgres.stop());
  const [CONTROL_DATABASE_URL, POSTGIS_URL] = await Promise.all([
    env.CONTROL_DATABASE_URL ?? postgres.database('sluice_control'),
    env.POSTGIS_URL ?? postgres.database('spatial_compute', { postgis: true }),
  ]);
  return { CONTROL_DATABASE_URL, POSTGIS_URL };
}

async function openStore(
  env: Env,
  home: string,
  opened: AsyncDisposableStack,
  log: Logger,
  onNotification: (body: unknown) => void,
) {
  if (env.S3_ENDPOINT !== undefined) return { S3_ENDPOINT: env.S3_ENDPOINT };
  const port = env.S3_EMBEDDED_PORT;
  const store = await startObjectStore({
    directory: join(home, 's3'),
    port,
    buckets: [env.LANDING_BUCKET, env.LAKE_BUCKET],
    log,
    onNotification,
  }).catch(async (thrown: unknown) => {
    throw await listenError(thrown, { host: '127.0.0.1', port, variable: 'S3_EMBEDDED_PORT' });
  });
  opened.defer(() => store.stop());
  const { accessKeyId, secretAccessKey } = EMBEDDED_CREDENTIALS;
  return { S3_ENDPOINT: store.endpoint, S3_ACCESS_KEY_ID: accessKeyId, S3_SECRET_ACCESS_KEY: secretAccessKey };
}

/** As Promise.all, but waits for all of them: what is still starting when another one fails has to be there to be stopped. */
async function settled<A, B>(work: [Promise<A>, Promise<B>]): Promise<[A, B]> {
  await Promise.allSettled(work);
  return Promise.all(work);
}

async function logFailure<T>(log: Logger, name: string, work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (thrown) {
    log.error({ error: asSluiceError(thrown).toDocument() }, name);
    return undefined;
  }
}
