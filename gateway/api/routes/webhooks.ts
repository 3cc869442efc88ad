import { createHash, timingSafeEqual } from 'node:crypto';
import { Hono } from 'hono';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { MAX_EVENT_BYTES } from '#shared/events/http.ts';
import type { GatewayDeps } from '../deps.ts';
import { readBody } from '../http/request-body.ts';
import type { GatewayMetrics } from '../metrics.ts';
import { announcesManifest, readNotification } from '#shared/landing/notifications.ts';

/**
 * POST /webhooks/minio: bucket notifications, with `Authorization: Bearer WEBHOOK_TOKEN`. Answers 200 when every event in it is
 * durable, and 503 while the database is away, so that MinIO's queue keeps it. A body that cannot be used is
 * acknowledged, logged and counted: MinIO would send a refused one for ever, and hold back all others behind it.
 */
export function webhookRoutes(deps: GatewayDeps, metrics: GatewayMetrics): Hono {
  return new Hono().post('/webhooks/minio', async (c) => {
    authorize(c.req.header('authorization'), deps.env.WEBHOOK_TOKEN);
    const { events, problems } = readNotification(await readJson(c.req.raw));
    if (problems.length > 0) deps.log.warn({ problems }, 'Notification:Read:Invalid');
    metrics.notifications.inc({ outcome: 'invalid' }, problems.length);
    const manifests = events.filter((event) => announcesManifest(event, deps.env.LANDING_BUCKET));
    metrics.notifications.inc({ outcome: 'ignored' }, events.length - manifests.length);
    for (const event of manifests) metrics.notifications.inc({ outcome: await route(deps, event) });
    return c.json({ routed: manifests.length });
  });
}

/** Throws UNAUTHORIZED. Without a token in the environment the route is closed. */
function authorize(header: string | undefined, token: string | undefined): void {
  if (token === undefined)
    throw new SluiceError('UNAUTHORIZED', 'WEBHOOK_TOKEN is not set, so /webhooks/minio is closed.');
  const given = /^Bearer +(.*)$/i.exec(header ?? '')?.[1] ?? '';
  // Hashes have one length, which timingSafeEqual needs, and tell nothing of the token's.
  const same = timingSafeEqual(
    createHash('sha256').update(given).digest(),
    createHash('sha256').update(token).digest(),
  );
  if (!same) throw new SluiceError('UNAUTHORIZED', 'The bearer token is not WEBHOOK_TOKEN.');
}

/** The body as JSON; undefined, which is no notification, when it is not JSON or too large to be one. */
async function readJson(request: Request): Promise<unknown> {
  try {
    return JSON.parse((await readBody(request, MAX_EVENT_BYTES)).toString()) as unknown;
  } catch (thrown) {
    if (thrown instanceof SyntaxError || (thrown instanceof SluiceError && thrown.code === 'REQUEST_TOO_LARGE'))
      return undefined;
    throw thrown;
  }
}

async function route(deps: GatewayDeps, event: SluiceEvent): Promise<'routed' | 'invalid'> {
  try {
    await deps.router.publish(event);
    return 'routed';
  } catch (thrown) {
    const error = asSluiceError(thrown);
    if (error.retryable) throw error;
    deps.log.error({ error: error.toDocument(), id: event.id, subject: event.subject }, 'Notification:Publish:Refused');
    return 'invalid';
  }
}
