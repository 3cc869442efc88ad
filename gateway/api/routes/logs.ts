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
import { findRun } from './runs.ts';

/** Lines that `tail` may request. They are in memory until the file was read. */
const MAX_TAIL_LINES = 10_000;
/** Each has the log file open. */
const MAX_LOG_READERS = 50;
/** Proxies close connections without data after 30 s, and a client that has vanished is noticed by a write. */
const KEEP_ALIVE_MS = 15_000;

const NDJSON = 'application/x-ndjson';

const PART = {
  since: z.iso.datetime({ offset: true }).optional(),
  /** All lines if it is not positive. */
  tail: z.coerce.number().int().max(MAX_TAIL_LINES).default(0),
  follow: z.enum(['true', 'false', '1', '0', '']).default('false'),
};
const RunLogQuery = z.strictObject(PART);
const LogsQuery = z.object({
  ...PART,
  namespace: z.string().optional(),
  name: z.string().min(1),
  instance: z.string().optional(),
});

/**
 * The log of the gateway and its functions, in ndjson: with `follow=true` including the lines that are written until
 * the client disconnects. Above MAX_LOG_READERS, it is 503 with Retry-After.
 *
 * GET /system/logs?name&since&tail&follow&instance returns the lines of a function, as OpenFaaS does.
 * GET /api/runs/:run_id/log?since&tail&follow returns the lines of a run; an unknown id is 404 RUN_NOT_FOUND.
 */
export function logHandlers(deps: GatewayDeps): Record<'ofFunction' | 'ofRun', Handler> {
  const readers = new TransferLimit('log readers', MAX_LOG_READERS);
  return {
    ofFunction: async (c) => {
      const { name, namespace, instance, ...part } = parseQuery(LogsQuery, c);
      requireNamespace(namespace);
      if ((deps.deployments ?? deps.stack).find(name) === undefined) throw notDeployed(name);
      const path = logFile(deps);
      if (instance && instance !== INSTANCE) return c.body('', 200, { 'content-type': NDJSON });
      return readLog(c, { deps, readers, path, of: { functionName: name }, part });
    },
    ofRun: async (c) => {
      const part = parseQuery(RunLogQuery, c);
      const { run_id: runId } = await findRun(deps, c.req.param('run_id') ?? '');
      return readLog(c, { deps, readers, path: logFile(deps), of: { runId }, part });
    },
  };
}

/** The log file. Throws CONFIG_INVALID when the gateway has none. */
function logFile({ deployments, env }: GatewayDeps): string {
  if (deployments === undefined)
    throw new SluiceError('CONFIG_INVALID', 'The functions run in containers. Read the logs of their containers.');
  if (env.LOG_FILE === undefined)
    throw new SluiceError('CONFIG_INVALID', 'LOG_FILE is not set, so the log is the standard error of the gateway.');
  return env.LOG_FILE;
}

interface LogReading {
  deps: GatewayDeps;
  readers: TransferLimit;
  path: string;
  of: LogRequest['of'];
  part: z.output<typeof RunLogQuery>;
}

async function readLog(c: Context, { deps: { log }, readers, path, of, part }: LogReading): Promise<Response> {
  const { since, tail, follow } = part;
  const body = await readers.untilClosed(async () => {
    const request = {
      of,
      since: since === undefined ? undefined : new Date(since),
      tail: tail > 0 ? tail : undefined,
      follow: follow === 'true' || follow === '1',
    };
    return streamLog(await FunctionLog.open(path), request, (thrown) =>
      log.warn({ error: asSluiceError(thrown).toDocument(), ...of }, 'Log:Read:Failed'),
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
