import { randomUUID } from 'node:crypto';
import { type Context, Hono } from 'hono';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { type HttpReply, MAX_EVENT_BYTES, readEvent, writeEvent, writeError } from '#shared/events/http.ts';
import type { GatewayDeps } from '../deps.ts';
import { recordUserActivity } from '../http/record-activity.ts';
import { noQuery, readBody } from '../http/request-fields.ts';
import { isOtherNamespace } from '../../openfaas/function-status.ts';

/** Printable ASCII without spaces, for headers and log lines. */
const CALL_ID = /^[\x21-\x7e]{1,128}$/;
/** In a millisecond. */
const NANOSECONDS = 1_000_000n;

/**
 * Function calls, compatible with OpenFaaS's gateway. `NAME` may have the namespace (`NAME.openfaas-fn`), and a path,
 * which is ignored. With access control, calls require the `operator` role, or `Authorization: Bearer WEBHOOK_TOKEN`.
 *
 * Any method on /function/NAME calls the function with the CloudEvent of the request. It returns the reply event in
 * binary mode (200, with an empty body if there is no reply) or the error (422 permanent, 503 transient, 409 busy). The
 * reply is not published.
 *
 * POST /async-function/NAME returns 202 with X-Call-Id when the call is stored durably. The reply is published, and
 * posted to the URL in `X-Callback-Url`, if any.
 *
 * GET /api/function-calls returns FunctionCallsView[], what this gateway called in the last hour.
 */
export function functionRoutes(deps: GatewayDeps): Hono {
  const callNow = async (c: Context) => {
    const { name, event, callId } = await readCall(c, deps);
    if (deps.deployments?.replicas(name) === 0) return c.text(`No endpoints available for: ${name}.`, 503);
    await recordCall(c, deps, { name, event, callId });
    const startedAt = Date.now();
    const began = performance.now();
    const reply = await invoke(deps, name, event, { callId, signal: c.req.raw.signal });
    const seconds = (performance.now() - began) / 1000;
    return new Response(reply.body, {
      status: reply.status,
      headers: { ...reply.headers, ...callHeaders(callId, startedAt), 'x-duration-seconds': seconds.toFixed(6) },
    });
  };
  const callLater = async (c: Context) => {
    const { name, event, callId } = await readCall(c, deps);
    await recordCall(c, deps, { name, event, callId });
    await deps.router.publishTo(name, event, { callId, callbackUrl: callbackUrl(c.req.header('x-callback-url')) });
    return c.body(null, 202, callHeaders(callId, Date.now()));
  };
  return new Hono()
    .all('/function/:name', callNow)
    .all('/function/:name/*', callNow)
    .post('/async-function/:name', callLater)
    .post('/async-function/:name/*', callLater)
    .get('/api/function-calls', noQuery, (c) =>
      c.json((deps.deployments ?? deps.stack).functions.map(({ name }) => deps.caller.history.view(name))),
    );
}

interface Call {
  name: string;
  event: SluiceEvent;
  callId: string;
}

function recordCall(c: Context, { ledger }: GatewayDeps, { name, event, callId }: Call): Promise<void> {
  const details = { function: name, call_id: callId, event_id: event.id, event_type: event.type };
  return recordUserActivity(c, ledger, { activity: 'function_called', did: `called the function ${name}`, details });
}

async function readCall(c: Context, { stack, deployments }: GatewayDeps): Promise<Call> {
  const [name = '', ...namespace] = (c.req.param('name') ?? '').split('.');
  if (isOtherNamespace(namespace.join('.')) || (deployments ?? stack).find(name) === undefined)
    throw new SluiceError('FUNCTION_NOT_FOUND', `Function ${JSON.stringify(c.req.param('name'))} does not exist.`, {
      details: { function: name },
    });
  const event = readEvent(c.req.header(), await readBody(c.req.raw, MAX_EVENT_BYTES));
  const requestedId = c.req.header('x-call-id') ?? '';
  return { name, event, callId: CALL_ID.test(requestedId) ? requestedId : randomUUID() };
}

/** OpenFaaS gives the start of a call in nanoseconds since 1970. */
function callHeaders(callId: string, startedAt: number): Record<string, string> {
  return { 'x-call-id': callId, 'x-start-time': String(BigInt(startedAt) * NANOSECONDS) };
}

/** faas-cli treats status 204 as an error, so a call without a reply returns 200 with an empty body. */
const NO_REPLY: HttpReply = { status: 200, headers: {}, body: '' };

async function invoke(
  { caller, log }: GatewayDeps,
  name: string,
  event: SluiceEvent,
  options: { callId: string; signal: AbortSignal },
): Promise<HttpReply> {
  try {
    const reply = await caller.invoke(name, event, options);
    return reply === undefined ? NO_REPLY : writeEvent(reply);
  } catch (thrown) {
    const error = asSluiceError(thrown);
    log.warn({ function: name, call_id: options.callId, error: error.toDocument() }, 'Function:Call:Failed');
    return writeError(error);
  }
}

function callbackUrl(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (URL.canParse(header) && /^https?:$/.test(new URL(header).protocol)) return header;
  throw new SluiceError('REQUEST_INVALID', `X-Callback-Url ${JSON.stringify(header)} is not an http or https URL.`, {
    details: { header: 'X-Callback-Url' },
  });
}
