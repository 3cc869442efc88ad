import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Context, Handler } from 'hono';
import { z } from 'zod';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import type { GatewayDeps } from '../deps.ts';
import { parseQuery } from '../http/request-fields.ts';
import { stillHasAccess } from '../http/principal.ts';
import { TransferLimit } from '../http/transfers.ts';
import { notDeployed } from '../../openfaas/deployments.ts';
import { FunctionLog, INSTANCE, type LogRequest } from '../../openfaas/function-logs.ts';
import { requireNamespace } from '../../openfaas/function-status.ts';

/** Lines that `tail` may request. They are in memory until the file was read. */
const MAX_TAIL_LINES = 10_000;
/** Each has the log file open. */
const MAX_LOG_READERS = 50;
/** Proxies close connections without data after 30 s, and a client that has vanished is noticed by a write. */
const KEEP_ALIVE_MS = 15_000;

const NDJSON = 'application/x-ndjson';

const LogsQuery = z.object({
  namespace: z.string().optional(),
  name: z.string().min(1),
  instance: z.string().optional(),
  since: z.iso.datetime({ offset: true }).optional(),
  /** All lines if it is not positive. */
  tail: z.coerce.number().int().max(MAX_TAIL_LINES).default(0),
  follow: z.enum(['true', 'false', '1', '0', '']).default('false'),
});
/**
 * GET /system/logs?name&since&tail&follow&instance returns the lines of a function in ndjson, and with `follow=true`
 * including those that are written until the client disconnects. Above MAX_LOG_READERS, it is 503 with Retry-After.
 */
export function functionLogs(deps: GatewayDeps): Handler {
  const readers = new TransferLimit('log readers', MAX_LOG_READERS);
  return (c) => readLog(c, deps, readers);
}

async function readLog(
  c: Context,
  { deployments, env, stack, log }: GatewayDeps,
  readers: TransferLimit,
): Promise<Response> {
  const { name, namespace, since, tail, follow, instance } = parseQuery(LogsQuery, c);
  requireNamespace(namespace);
  if ((deployments ?? stack).find(name) === undefined) throw notDeployed(name);
  if (deployments === undefined)
    throw new SluiceError('CONFIG_INVALID', 'The functions run in containers. Read the logs of their containers.');
  if (env.LOG_FILE === undefined)
    throw new SluiceError('CONFIG_INVALID', 'LOG_FILE is not set, so the log is the standard error of the gateway.');
  if (instance && instance !== INSTANCE) return c.body('', 200, { 'content-type': NDJSON });
  const path = env.LOG_FILE;
  const body = await readers.untilClosed(async () => {
    const request = {
      name,
      since: since === undefined ? undefined : new Date(since),
      tail: tail > 0 ? tail : undefined,
      follow: follow === 'true' || follow === '1',
    };
    return streamLog(await FunctionLog.open(path), request, (thrown) =>
      log.warn({ error: asSluiceError(thrown).toDocument(), function: name }, 'Log:Read:Failed'),
    );
  });
  const checks = setInterval(() => {
    void stillHasAccess(c).then((has) => has || body.destroy());
  }, KEEP_ALIVE_MS);
  body.once('close', () => clearInterval(checks));
  const { signal } = c.req.raw;
  if (signal.aborted) body.destroy();
  else signal.addEventListener('abort', () => body.destroy(), { once: true });
  return new Response(Readable.toWeb(body) as ReadableStream, { headers: { 'content-type': NDJSON } });
}

/** The lines in ndjson. Closes the log at the end, or when the stream is destroyed. */
function streamLog(
  file: FunctionLog,
  request: Omit<LogRequest, 'signal'>,
  onError: (thrown: unknown) => void,
): PassThrough {
  const ending = new AbortController();
  const out = new PassThrough();
  const timer = setInterval(() => out.write('\n'), KEEP_ALIVE_MS);
  const texts = async function* () {
    for await (const line of file.read({ ...request, signal: ending.signal })) yield `${JSON.stringify(line)}\n`;
  };
  out.once('close', () => ending.abort());
  void pipeline(Readable.from(texts()), out)
    .catch((thrown: unknown) => {
      if (!ending.signal.aborted) onError(thrown);
    })
    .finally(() => {
      clearInterval(timer);
      void file[Symbol.asyncDispose]();
    });
  return out;
}
