import { parseArgs } from 'node:util';
import { type Env, parseEnv } from '#shared/config/env.ts';
import { PORTS, readStack, readStackIfPresent } from '#shared/config/stack.ts';
import { adviceFor } from '#shared/errors/codes.ts';
import { SluiceError, asSluiceError } from '#shared/errors/sluice-error.ts';
import { checkGdal } from '#shared/gdal/health.ts';
import { createLogger, type Logger } from '#shared/log/log.ts';
import { checkStoreAccess } from '#shared/storage/check-access.ts';
import { type FunctionServer, serveFunctions } from './function-server.ts';
import { InProcessCaller, loadHandler } from './in-process-caller.ts';
import { type OpenContext, openContext } from './make-context.ts';
import { deleteScratchFolders } from './scratch.ts';
import { sendHeartbeats, sendToSupervisor } from './supervision.ts';

/**
 * Serves functions as a process:
 *
 * - `node shared/runtime/function-process.ts NAME` serves one function, on HOST and PORT.
 * - `node shared/runtime/function-process.ts --socket FILE` serves every function of stack.yml at `/NAME` of a Unix
 *   socket. The gateway starts this process and supervises it over the IPC channel (gateway/hosts). The gateway deletes
 *   scratch folders of killed processes; a process of one function deletes those of its own container.
 *
 * SIGTERM and SIGINT stop it: running calls may finish within the grace time; after that they are aborted and their
 * claims are released.
 */

/** Below Kubernetes' 30 s between SIGTERM and SIGKILL, with time left for the abort. */
const GRACE_MS = 20_000;
/** A volume has room for the scratch folders of a few killed steps. */
const DELETE_SCRATCH_EVERY_MS = 3_600_000;
/** The gateway has waited for the calls already when it stops this process. */
const SUPERVISED_GRACE_MS = 0;

async function serveOne(name: string, env: Env, log: Logger): Promise<void> {
  await loadHandler(name); // A wrong name ends the process now, not at the first event.
  const stack = await readStackIfPresent();
  const needsStore = stack?.find(name)?.needs.includes('objects') ?? true;
  if (needsStore) await checkStore(env, log);
  const context = await openContext(env, log, { stack, functionName: name });
  const caller = new InProcessCaller(context);
  // Imported here, because the processes of `npm start` do not need the module.
  const { FunctionMetrics } = await import('./function-metrics.ts');
  const server = await serveFunctions({
    functionAt: () => name,
    caller,
    listenOn: { address: env.HOST, port: env.PORT },
    ready: () => context.ping(),
    ...((stack?.find(name)?.needs ?? PORTS).includes('gdal') ? { gdalHealth: () => checkGdal(log) } : {}),
    metrics: new FunctionMetrics(),
    log,
  });
  log.info({ function: name, port: server.port }, 'Function:Start:Done');
  stopOnSignal(server, context, GRACE_MS, log);
  deleteScratchRegularly(context);
  void caller.warmUp([name]); // Only after the port is open, so that the first event is not delayed.
}

/**
 * The volume of a container keeps the scratch folders of a process that was killed. At the start, a claim of that
 * process can still be current, so that its folder is deleted later.
 */
function deleteScratchRegularly(context: OpenContext): void {
  const run = () =>
    void deleteScratchFolders(context).catch((thrown: unknown) =>
      context.log.warn({ error: asSluiceError(thrown).toDocument() }, 'Scratch:Delete:Failed'),
    );
  run();
  setInterval(run, DELETE_SCRATCH_EVERY_MS).unref();
}

/** Throws STORE_DENIED, STORE_PUBLIC. A store that does not respond is waited for by the readiness check. */
async function checkStore(env: Env, log: Logger): Promise<void> {
  try {
    await checkStoreAccess(env, 'pipeline');
  } catch (thrown) {
    const error = asSluiceError(thrown);
    if (!error.retryable) throw error;
    log.warn({ error: error.toDocument() }, 'ObjectStore:Check:Failed');
  }
}

async function serveAll(socket: string, env: Env, log: Logger): Promise<void> {
  sendHeartbeats();
  const stack = await readStack();
  const context = await openContext(env, log, { stack, service: 'sluice-functions' });
  const caller = new InProcessCaller(context, { stack });
  const server = await serveFunctions({
    functionAt: (path) => stack.find(path.slice(1))?.name,
    caller,
    listenOn: { socket },
    ready: () => context.ping(),
    log,
  });
  stopOnSignal(server, context, SUPERVISED_GRACE_MS, log);
  sendToSupervisor('ready');
}

function stopOnSignal(server: FunctionServer, context: OpenContext, graceMs: number, log: Logger): void {
  const stop = () =>
    void server
      .close(graceMs)
      .then(() => context[Symbol.asyncDispose]())
      .then(
        () => process.exit(0), // Work that ignores its signal, and warm threads, would keep the process running.
        (thrown: unknown) => fail(log, thrown),
      );
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

function fail(log: Logger, thrown: unknown): never {
  const error = asSluiceError(thrown);
  log.fatal({ error: error.toDocument(), advice: adviceFor(error.code) }, 'Function:Start:Failed');
  sendToSupervisor({ failed: error.toDocument() });
  process.exit(1); // Open connections and threads would keep the process running.
}

async function main(): Promise<void> {
  let log = createLogger({ LOG_LEVEL: 'info', LOG_FILE: undefined });
  try {
    const { values, positionals } = parseArgs({ allowPositionals: true, options: { socket: { type: 'string' } } });
    const [name] = positionals;
    const env = parseEnv(process.env);
    log = createLogger(env);
    if (values.socket !== undefined) return await serveAll(values.socket, env, log);
    if (name === undefined)
      throw new SluiceError(
        'CONFIG_INVALID',
        'The function name is missing: node shared/runtime/function-process.ts NAME.',
      );
    await serveOne(name, env, log);
  } catch (thrown) {
    fail(log, thrown);
  }
}

await main();
