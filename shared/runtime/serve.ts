import { env } from '#shared/config/env.ts';
import { SluiceError, asSluiceError } from '#shared/errors/sluice-error.ts';
import { log } from '#shared/log/log.ts';
import { loadHandler } from './functions.ts';
import { serveFunction } from './http-host.ts';
import { InProcessHost } from './in-process-host.ts';
import { openContext } from './make-context.ts';

/**
 * One function as a process: `node shared/runtime/serve.ts NAME`, on HOST and PORT. SIGTERM and SIGINT end it: running calls may end
 * by themselves for a while, then they are aborted, and their claims given back.
 */

/** Below Kubernetes' 30 s between SIGTERM and SIGKILL, with time left for the abort. */
const GRACE_MS = 20_000;

async function main(): Promise<void> {
  const name = process.argv[2];
  if (name === undefined)
    throw new SluiceError('CONFIG_INVALID', 'Name the function: node shared/runtime/serve.ts NAME.');
  await loadHandler(name); // A wrong name ends the process now, not with the first event.
  const context = await openContext(env);
  const ready = async () =>
    void (await Promise.all([context.ledger.ping(), context.objects.ping(), context.postgis.ping()]));
  const host = new InProcessHost(context);
  const server = await serveFunction({ name, host, address: env.HOST, port: env.PORT, ready, log });
  log.info({ function: name, port: server.port }, 'Function:Serve:Started');
  void host.warmUp([name]); // After it listens: the first event may come first.
  const stop = () =>
    void server
      .close(GRACE_MS)
      .then(() => context[Symbol.asyncDispose]())
      .then(end, fail);
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

/** At once: work that did not heed its signal, and warm threads, would keep the process until it is killed. */
function end(): never {
  process.exit(0);
}

function fail(thrown: unknown): never {
  log.fatal({ error: asSluiceError(thrown).toDocument() }, 'Function:Serve:Failed');
  process.exit(1);
}

main().catch(fail);
