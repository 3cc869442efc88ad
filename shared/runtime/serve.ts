import { type Env, parseEnv } from '#shared/config/env.ts';
import { readStackIfPresent } from '#shared/config/stack.ts';
import { SluiceError, asSluiceError } from '#shared/errors/sluice-error.ts';
import { createLogger, type Logger } from '#shared/log/log.ts';
import { serveFunction } from './http-host.ts';
import { InProcessHost, loadHandler } from './in-process-host.ts';
import { openContext } from './make-context.ts';

/**
 * Serves one function as a process: `node shared/runtime/serve.ts NAME`, on HOST and PORT. SIGTERM and SIGINT stop it:
 * running calls may finish within GRACE_MS; after that they are aborted and their claims are released.
 */

/** Below Kubernetes' 30 s between SIGTERM and SIGKILL, with time left for the abort. */
const GRACE_MS = 20_000;

async function serve(name: string, env: Env, log: Logger): Promise<void> {
  await loadHandler(name); // A wrong name ends the process now, not at the first event.
  const context = await openContext(env, log, { stack: await readStackIfPresent(), functionName: name });
  const host = new InProcessHost(context);
  const server = await serveFunction({
    name,
    host,
    address: env.HOST,
    port: env.PORT,
    ready: () => context.ping(),
    log,
  });
  log.info({ function: name, port: server.port }, 'Function:Serve:Started');
  void host.warmUp([name]); // Only after the port is open, so that the first event is not delayed.
  const stop = () =>
    void server
      .close(GRACE_MS)
      .then(() => context[Symbol.asyncDispose]())
      .then(
        () => process.exit(0), // Work that ignores its signal, and warm threads, would keep the process running.
        (thrown: unknown) => fail(log, thrown),
      );
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

function fail(log: Logger, thrown: unknown): never {
  log.fatal({ error: asSluiceError(thrown).toDocument() }, 'Function:Serve:Failed');
  process.exit(1);
}

async function main(): Promise<void> {
  let log = createLogger({ LOG_LEVEL: 'info', LOG_FILE: undefined });
  try {
    const name = process.argv[2];
    if (name === undefined)
      throw new SluiceError('CONFIG_INVALID', 'The function name is missing: node shared/runtime/serve.ts NAME.');
    const env = parseEnv(process.env);
    log = createLogger(env);
    await serve(name, env, log);
  } catch (thrown) {
    fail(log, thrown);
  }
}

await main();
