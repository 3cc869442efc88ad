import { Hono } from 'hono';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import { isStepEvent, parseRunId, type SluiceEvent, STEP_EVENTS } from '#shared/events/event.ts';
import { MAX_EVENT_BYTES, readEvent } from '#shared/events/http.ts';
import { isManifestUpload, readNotification } from '#shared/landing/notifications.ts';
import type { GatewayDeps } from '../deps.ts';
import type { GatewayMetrics } from '../metrics.ts';
import { requireProgram } from '../http/require-access.ts';
import { readBody } from '../http/request-fields.ts';
import { findRun } from './runs.ts';

/**
 * POST /webhooks/minio accepts bucket notifications with `Authorization: Bearer WEBHOOK_TOKEN`. It returns 200 when the
 * router has stored the events durably, or the broker has accepted them. It returns 503 while the database or the
 * broker is unavailable, so that MinIO keeps the notification. An invalid body is acknowledged, logged and counted:
 * MinIO would repeat a rejected notification without end and hold back the following ones.
 */
export function webhookRoutes(deps: GatewayDeps, metrics: GatewayMetrics): Hono {
  return new Hono().post('/webhooks/minio', async (c) => {
    requireProgram(c, deps);
    const { events, problems } = readNotification(await readJsonIfValid(c.req.raw));
    if (problems.length > 0) deps.log.warn({ problems }, 'Notification:Read:Invalid');
    metrics.notifications.inc({ outcome: 'invalid' }, problems.length);
    const manifests = events.filter((event) => isManifestUpload(event, deps.env.LANDING_BUCKET));
    metrics.notifications.inc({ outcome: 'ignored' }, events.length - manifests.length);
    for (const event of manifests) metrics.notifications.inc({ outcome: await publish(deps, event) });
    return c.json({ routed: manifests.length });
  });
}

/** The JSON body; undefined, which is not a notification, if the body is not JSON or too large. */
async function readJsonIfValid(request: Request): Promise<unknown> {
  try {
    return JSON.parse((await readBody(request, MAX_EVENT_BYTES)).toString()) as unknown;
  } catch (thrown) {
    if (thrown instanceof SyntaxError || (thrown instanceof SluiceError && thrown.code === 'REQUEST_TOO_LARGE'))
      return undefined;
    throw thrown;
  }
}

async function publish(deps: GatewayDeps, event: SluiceEvent): Promise<'routed' | 'invalid'> {
  try {
    await deps.router.publish(event);
    return 'routed';
  } catch (thrown) {
    const error = asSluiceError(thrown);
    if (error.retryable) throw error;
    const fields = { error: error.toDocument(), id: event.id, subject: event.subject };
    deps.log.error(fields, 'Notification:Publish:Rejected');
    return 'invalid';
  }
}

/**
 * POST /events publishes one CloudEvent, in binary or structured mode. It returns 202 when the router has stored the
 * event durably, or the broker has accepted it. A router ignores the same event for a day; a broker delivers it again,
 * except within a minute. An invalid event is 400 EVENT_INVALID. An event for a step of an unknown run is 404
 * RUN_NOT_FOUND: no function can process it, and its dead letter could not be re-driven. With access control, it
 * requires `Authorization: Bearer WEBHOOK_TOKEN`.
 */
export function eventRoutes(deps: GatewayDeps): Hono {
  return new Hono().post('/events', async (c) => {
    const event = readEvent(c.req.header(), await readBody(c.req.raw, MAX_EVENT_BYTES));
    if (isStepEvent(event)) await findRun(deps, parseRunId(event, ...STEP_EVENTS));
    await deps.router.publish(event);
    return c.json({ id: event.id, type: event.type }, 202);
  });
}
