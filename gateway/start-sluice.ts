import { join, resolve } from 'node:path';
import { type Env, publicUrl } from '#shared/config/env.ts';
import { readStack, type Stack } from '#shared/config/stack.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { createLogger, type Logger } from '#shared/log/log.ts';
import { deleteLateUploads, deleteWorkingData } from '#shared/run-control/working-data.ts';
import type { Context } from '#shared/runtime/context.ts';
import { functionUrls, HttpFunctionCaller } from '#shared/runtime/http-function-caller.ts';
import type { FunctionCaller } from '#shared/runtime/function-caller.ts';
import { InProcessCaller } from '#shared/runtime/in-process-caller.ts';
import { type OpenContext, openContext } from '#shared/runtime/make-context.ts';
import { checkStoreAccess, startLimit } from '#shared/storage/check-access.ts';
import { openObjectStore } from '#shared/storage/s3.ts';
import { Access } from './access/access.ts';
import { requireCredentials } from './access/credentials.ts';
import { createGateway } from './api/app.ts';
import type { GatewayDeps } from './api/deps.ts';
import { checkVersions } from './api/function-reports.ts';
import { listen, type Listener } from './api/listen.ts';
import { BrokerPublisher } from './broker/broker-publisher.ts';
import { rejectBroker } from './check-settings.ts';
import { lockFolder } from './embedded/home-folder.ts';
import { openServers } from './embedded/open-servers.ts';
import { publishUploads } from './embedded/publish-uploads.ts';
import { FunctionHosts } from './hosts/function-hosts.ts';
import { runCron } from './jobs/cron.ts';
import { BackgroundJobs } from './jobs/background-jobs.ts';
import { publishNextEvents, publishWaitingManifests } from './jobs/publish-pending.ts';
import { callerWithSettings } from './openfaas/caller-with-settings.ts';
import { CountedCaller } from './openfaas/counted-caller.ts';
import { Deployments, type DeploymentsOptions } from './openfaas/deployments.ts';
import { SecretStore } from './openfaas/secret-store.ts';
import { createRouter } from './router/queue-router.ts';
import type { Router, RouterOptions } from './router/router.ts';

/** A Sluice that is running in this process. */
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
  /** The logger. By default, one is created from `env`. */
  log?: Logger;
  /**
   * Publishes events to the broker at K_SINK, which delivers them to the functions. There is no queue and no timer
   * then. `env` names all servers.
   */
  broker?: boolean;
  /** Called before and after the start of each part. */
  onProgress?: (part: string, state: 'begins' | 'ready') => void;
}

/**
 * Starts the servers that `env` does not name (PostgreSQL, object store), the router with the functions, and the
 * gateway. Deletes the working data of a process that has ended, and publishes manifests and events that it did not
 * publish. Throws SETUP_FAILED, CONFIG_INVALID, DATABASE_UNAVAILABLE, STORE_UNAVAILABLE, STORE_DENIED, STORE_PUBLIC;
 * everything is stopped then.
 */
export async function startSluice(
  given: Env,
  { log = createLogger(given), broker = false, onProgress = () => undefined }: StartOptions = {},
): Promise<RunningSluice> {
  if (!broker) rejectBroker(given);
  await using opened = new AsyncDisposableStack();
  const home = resolve(given.SLUICE_HOME);
  const { promise: broken, reject: onFailure } = Promise.withResolvers<never>();
  broken.catch(() => undefined); // Not every caller handles the rejection.

  requireCredentials(given, { home, log });
  const listener = await lockAndListen(given, home, opened);
  // Notifications are ignored until the router is ready. `publishWaitingManifests` publishes those uploads.
  let onNotification: (body: unknown) => void = () => undefined;
  const serverOptions = {
    home,
    log,
    opened,
    onFailure,
    onNotification: (body: unknown) => onNotification(body),
    track: <T>(part: string, work: Promise<T>) => trackProgress(part, work, onProgress),
  };
  const servers = broker ? {} : await openServers(given, serverOptions);
  const env: Env = { ...given, ...servers, PORT: listener.port };
  const stack = await readStack();
  const context = await openContext(env, log, { stack, service: 'sluice-gateway' });
  opened.defer(() => context[Symbol.asyncDispose]());
  const startsFunctions = env.FUNCTION_URL === undefined && !broker;
  if (given.S3_ENDPOINT !== undefined) await prepareStore(context, env, startsFunctions ? 'pipeline' : 'gateway');
  const scale = (name: string, calls: number) => router.scale(name, calls);
  const deployments = startsFunctions ? openDeployments(home, { stack, env, scale }) : undefined;
  const ownContext = { ...context, env, publish: (event: SluiceEvent) => router.publish(event) };
  const caller = new CountedCaller(
    deployments ? await openFunctionCaller(ownContext, { stack, deployments }, opened) : remoteCaller(env),
  );
  const router = await openRouter({ stack, caller, env, log, tracing: context.tracing });
  opened.defer(() => router.stop());

  const jobs = new BackgroundJobs(log);
  opened.defer(() => jobs.stop());
  const parts = { ...context, env, router, signal: jobs.signal };
  onNotification = (body) => void publishUploads(body, parts);
  await jobs.run('WorkingData:Delete:Failed', deleteWorkingData(context, { ownPostgis: !given.POSTGIS_URL }));
  deployments?.applyStored();
  await router.start();
  startJobs(jobs, { ...parts, stack, deployments }, broker);
  const access = await Access.open(env, { home, log });
  opened.defer(() => access.close());
  const deps = { ...context, env, router, caller, stack, log, access, ...(deployments && { deployments }) };
  serveRequests(listener, { ...deps, ...eventServer(router, env, broker) }, opened);
  if (broker) opened.defer(() => router.stop()); // Ends the posts that jobs and requests wait for.
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

/**
 * Starts the schedules, and the work that an earlier process did not complete. With a broker, PingSources call the
 * timed functions, and monitor-runs publishes the events of runs and of waiting manifests: a broker delivers every
 * repeat.
 */
function startJobs(
  jobs: BackgroundJobs,
  { deployments, ...parts }: Context & { router: Router; stack: Stack; deployments: Deployments | undefined },
  broker: boolean,
): void {
  if (!broker) {
    const isRunning = (name: string) => deployments?.replicas(name) !== 0;
    void jobs.run('Tick:Publish:Failed', runCron({ ...parts, isRunning }));
    void jobs.run('Run:Resume:Failed', publishNextEvents(parts));
    void jobs.run('Event:Publish:Failed', publishWaitingManifests(parts));
  }
  void jobs.run('Version:Check:Failed', checkVersions(parts));
  void jobs.run('Object:Delete:Failed', deleteLateUploads(parts, parts.signal));
}

/** Which of the functions this process calls, as stored in the folder of Sluice. */
function openDeployments(home: string, options: Pick<DeploymentsOptions, 'stack' | 'env' | 'scale'>): Deployments {
  return new Deployments({
    file: join(home, 'functions.json'),
    secrets: new SecretStore(join(home, 'secrets')),
    ...options,
  });
}

/** Answers the requests of the listener with the gateway. */
function serveRequests(listener: Listener, deps: Omit<GatewayDeps, 'transfers'>, opened: AsyncDisposableStack): void {
  const transfers = openObjectStore(deps.env, { maxSockets: Infinity });
  opened.defer(() => transfers.close());
  const { fetch } = createGateway({ ...deps, transfers });
  listener.answerWith(fetch);
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
async function prepareStore(
  { objects }: Pick<Context, 'objects'>,
  env: Env,
  role: 'pipeline' | 'gateway',
): Promise<void> {
  const limit = startLimit(env);
  for (const bucket of [env.LANDING_BUCKET, env.LAKE_BUCKET]) await objects.ensureBucket(bucket, limit);
  await checkStoreAccess(env, role, limit);
}

/** The queues in PostgreSQL, or the broker. Only a gateway with a broker has no database for queues. */
async function openRouter(options: Omit<RouterOptions, 'databaseUrl'>): Promise<Router> {
  const { CONTROL_DATABASE_URL: databaseUrl, K_SINK } = options.env;
  if (databaseUrl !== undefined) return createRouter({ ...options, databaseUrl });
  if (K_SINK !== undefined) {
    const { log, env, tracing } = options;
    if (env.ALERT_WEBHOOK_URL !== undefined)
      log.warn({ reason: 'a gateway with a broker has no queue for alerts' }, 'Alert:Start:Skipped');
    return new BrokerPublisher({ url: new URL(K_SINK), log, tracing });
  }
  throw new SluiceError('CONFIG_INVALID', 'Neither CONTROL_DATABASE_URL nor K_SINK is set. Set one of them.');
}

/** What /healthz also checks: the broker, or the queue if the check of the ledger does not include its server. */
function eventServer(router: Router, { LEDGER_URL }: Env, broker: boolean): Pick<GatewayDeps, 'broker' | 'queue'> {
  if (broker) return { broker: router };
  return LEDGER_URL === undefined ? {} : { queue: router };
}

/** The functions in containers at FUNCTION_URL. A gateway with a broker can do without it. */
function remoteCaller({ FUNCTION_URL }: Env): FunctionCaller {
  if (FUNCTION_URL !== undefined) return new HttpFunctionCaller(functionUrls(FUNCTION_URL));
  return {
    invoke: (name) =>
      Promise.reject(
        new SluiceError(
          'CONFIG_INVALID',
          `The gateway cannot call ${name}. Set FUNCTION_URL, for example http://{name}:8080.`,
        ),
      ),
  };
}

/** Calls the functions on this machine: in supervised processes, or in this process. */
async function openFunctionCaller(
  context: Context & Pick<OpenContext, 'tracing'>,
  { stack, deployments }: { stack: Stack; deployments: Deployments },
  opened: AsyncDisposableStack,
): Promise<FunctionCaller> {
  const { env, log } = context;
  const settingsOf = (name: string) => deployments.settingsForCall(name);
  if (env.FUNCTION_PROCESSES === 0) return callerWithSettings(new InProcessCaller(context, { stack }), settingsOf);
  const hosts = await FunctionHosts.start({ env, log });
  opened.defer(() => hosts.stop());
  return callerWithSettings(hosts, settingsOf);
}
