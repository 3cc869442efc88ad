import { join, resolve } from 'node:path';
import { type Env, publicUrl } from '#shared/config/env.ts';
import { readStack, type Stack } from '#shared/config/stack.ts';
import { asSluiceError } from '#shared/errors/sluice-error.ts';
import { createLogger, type Logger } from '#shared/log/log.ts';
import { deleteLateUploads, deleteWorkingData } from '#shared/run-control/working-data.ts';
import type { Context } from '#shared/runtime/context.ts';
import { functionUrls, HttpClientHost } from '#shared/runtime/http-client-host.ts';
import type { FunctionHost } from '#shared/runtime/host.ts';
import { InProcessHost } from '#shared/runtime/in-process-host.ts';
import { openContext } from '#shared/runtime/make-context.ts';
import { checkStoreAccess } from '#shared/storage/check-access.ts';
import { openObjectStore } from '#shared/storage/s3.ts';
import { createGateway } from './api/app.ts';
import type { GatewayDeps } from './api/deps.ts';
import { listen, type Listener } from './api/listen.ts';
import { lockFolder } from './embedded/home-folder.ts';
import { openServers } from './embedded/open-servers.ts';
import { SupervisedHost } from './hosts/supervised-host.ts';
import { runCron } from './jobs/cron.ts';
import { publishNextEvents, publishUploads, publishWaitingManifests } from './jobs/publish-pending.ts';
import { createRouter, type Router } from './router/router.ts';

/** A started Sluice. */
export interface RunningSluice {
  /** The environment with the addresses of the embedded servers. */
  env: Env;
  context: Context;
  router: Router;
  /** Whether the object store is the embedded one, which sends a notification for each upload. */
  embeddedStore: boolean;
  /** Publishes the manifests in the landing zone. Needed for a store that sends no notifications. */
  publishWaitingManifests: () => Promise<number>;
  /** Rejects when the embedded PostgreSQL has failed and cannot be restarted. Never resolves. */
  broken: Promise<never>;
  /** Cancels running calls and stops everything that was started. */
  stop(): Promise<void>;
}

export interface StartOptions {
  /** By default created from `env`. */
  log?: Logger;
  /** Called before and after the start of each part. */
  onProgress?: (part: string, state: 'begins' | 'ready') => void;
}

/**
 * Starts the servers that `env` does not name (PostgreSQL, object store), the router with the functions, and the
 * gateway. Deletes the working data of a dead process, and publishes manifests and events that it did not publish.
 * Throws SETUP_FAILED, CONFIG_INVALID, DATABASE_UNAVAILABLE, STORE_UNAVAILABLE, STORE_DENIED, STORE_PUBLIC; everything
 * is stopped then.
 */
export async function startSluice(
  given: Env,
  { log = createLogger(given), onProgress = () => undefined }: StartOptions = {},
): Promise<RunningSluice> {
  await using opened = new AsyncDisposableStack();
  const home = resolve(given.SLUICE_HOME);
  const { promise: broken, reject: onFailure } = Promise.withResolvers<never>();
  broken.catch(() => undefined); // Not every caller handles the rejection.

  const listener = await lockAndListen(given, home, opened);
  // Notifications are ignored until the router is ready. `publishWaitingManifests` publishes those uploads.
  let onNotification: (body: unknown) => void = () => undefined;
  const servers = await openServers(given, {
    home,
    log,
    opened,
    onFailure,
    onNotification: (body) => onNotification(body),
    track: (part, work) => trackProgress(part, work, onProgress),
  });
  const env: Env = { ...given, ...servers, PORT: listener.port };
  const stack = await readStack();
  const context = await openContext(env, log, { stack });
  opened.defer(() => context[Symbol.asyncDispose]());
  if (given.S3_ENDPOINT !== undefined) await prepareStore(context, env);
  const host = await openFunctionHost({ ...context, env, publish: (event) => router.publish(event) }, stack, opened);
  const router = await createRouter({ databaseUrl: servers.CONTROL_DATABASE_URL, stack, host, env, log });
  opened.defer(() => router.stop());

  const jobs = new BackgroundJobs(log);
  opened.defer(() => jobs.stop());
  const parts = { ...context, env, router, signal: jobs.signal };
  onNotification = (body) => void publishUploads(body, parts);
  const ownPostgis = given.POSTGIS_URL === undefined;
  await jobs.run('WorkingData:Delete:Failed', deleteWorkingData(context, { ownPostgis }));
  await router.start();
  startJobs(jobs, { ...parts, stack });
  serveRequests(listener, { ...context, env, router, host, stack, log }, opened);
  log.info({ url: publicUrl(env), store: env.S3_ENDPOINT }, 'Sluice:Start:Done');

  const running = opened.move();
  return {
    env,
    context,
    router,
    embeddedStore: given.S3_ENDPOINT === undefined,
    publishWaitingManifests: () => publishWaitingManifests(parts),
    broken,
    stop: () => running.disposeAsync(),
  };
}

/** Locks SLUICE_HOME for this process, and listens on PORT. Requests are answered by `serveRequests`. */
async function lockAndListen(env: Env, home: string, opened: AsyncDisposableStack): Promise<Listener> {
  const lock = lockFolder(join(home, 'sluice.lock'), 'Sluice', publicUrl(env));
  opened.defer(() => lock.release());
  const listener = await listen(env);
  opened.defer(() => listener.close());
  return listener;
}

/** Starts the schedules, and the work that an earlier process did not complete. */
function startJobs(jobs: BackgroundJobs, parts: Context & { router: Router; stack: Stack }): void {
  void jobs.run('Cron:Run:Failed', runCron(parts));
  void jobs.run('Run:Resume:Failed', publishNextEvents(parts));
  void jobs.run('Manifest:Publish:Failed', publishWaitingManifests(parts));
  void jobs.run('Upload:Delete:Failed', deleteLateUploads(parts, parts.signal));
}

/** Answers the requests of the listener with the gateway. */
function serveRequests(listener: Listener, deps: Omit<GatewayDeps, 'transfers'>, opened: AsyncDisposableStack): void {
  const transfers = openObjectStore(deps.env, { maxSockets: Infinity });
  opened.defer(() => transfers.close());
  const { fetch } = createGateway({ ...deps, transfers });
  listener.answerWith((request) => fetch(request));
  opened.defer(() => listener.close()); // Stops first, so that no new request arrives.
}

async function trackProgress<T>(
  part: string,
  work: Promise<T>,
  onProgress: NonNullable<StartOptions['onProgress']>,
): Promise<T> {
  onProgress(part, 'begins');
  const result = await work;
  onProgress(part, 'ready');
  return result;
}

/** Creates missing buckets, and checks the rights of the key. A gateway that starts functions needs their rights. */
async function prepareStore({ objects }: Pick<Context, 'objects'>, env: Env): Promise<void> {
  for (const bucket of [env.LANDING_BUCKET, env.LAKE_BUCKET]) await objects.ensureBucket(bucket);
  await checkStoreAccess(env, env.FUNCTION_URL === undefined ? 'pipeline' : 'gateway');
}

/** The host of the functions: containers at FUNCTION_URL, supervised processes, or this process. */
async function openFunctionHost(context: Context, stack: Stack, opened: AsyncDisposableStack): Promise<FunctionHost> {
  const { env, log } = context;
  if (env.FUNCTION_URL !== undefined) return new HttpClientHost(functionUrls(env.FUNCTION_URL));
  if (env.FUNCTION_PROCESSES === 0) return new InProcessHost(context, { stack });
  const host = await SupervisedHost.start({ env, log });
  opened.defer(() => host.stop());
  return host;
}

/** Work that runs beside the router. Its errors are logged. */
class BackgroundJobs {
  #log: Logger;
  #ending = new AbortController();
  #running: Promise<void>[] = [];

  constructor(log: Logger) {
    this.#log = log;
  }

  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  /** Resolves when the work has ended. Logs `failureName` if it rejects. */
  run(failureName: string, work: Promise<unknown>): Promise<void> {
    const job = work.then(
      () => undefined,
      (thrown: unknown) => this.#log.error({ error: asSluiceError(thrown).toDocument() }, failureName),
    );
    this.#running.push(job);
    return job;
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    await Promise.all(this.#running);
  }
}
