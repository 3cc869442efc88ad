import { Hono } from 'hono';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { MAX_EVENT_BYTES } from '#shared/events/http.ts';
import { isManifestUpload, readNotification } from '#shared/landing/notifications.ts';
import type { GatewayDeps } from '../deps.ts';
import type { GatewayMetrics } from '../metrics.ts';
import { requireProgram } from '../http/require-access.ts';
import { readBody } from '../http/request-fields.ts';

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
