import { asSluiceError } from '#shared/errors/sluice-error.ts';
import { messageOf } from '../alerts/alert-message.ts';
import type { AlertJob } from './alert-queue.ts';
import type { RetryPolicy } from './outcome.ts';
import { deliverPost } from './post-job.ts';
import { DeliveryLost, type Job } from './queues.ts';
import type { RouterParts } from './router-parts.ts';

export const ALERT_CONCURRENCY = 2;
/** About a day: the receiver can be away for a night. */
const POLICY: RetryPolicy = { RETRY_LIMIT: 150, RETRY_DELAY_SECONDS: 1, RETRY_DELAY_MAX_SECONDS: 600 };

/** Alerts that were stored while ALERT_WEBHOOK_URL was set are not posted to another URL much later. */
const MAX_AGE_MS = 24 * 60 * 60 * 1_000;

/**
 * Posts an alert to ALERT_WEBHOOK_URL, for about a day if it is not accepted. A redirect is not followed, so that the
 * URL of the operator is the only receiver. An alert that was stored more than MAX_AGE_MS ago is not posted. Never
 * throws.
 */
export async function deliverAlert(parts: RouterParts, job: Job<AlertJob>): Promise<void> {
  const { env, log, metrics } = parts;
  const { alert, attempt } = job.data;
  if (Date.now() - job.createdOn.getTime() > MAX_AGE_MS) return completeExpired(parts, job);
  const url = env.ALERT_WEBHOOK_URL ?? '';
  const { host: receiver } = new URL(url); // Webhook URLs of chat services are secrets.
  const post = { receiver, url, redirect: 'manual', ...messageOf(alert, env) } as const;
  const { outcome, error } = await deliverPost(parts, job, post, POLICY);
  const fields = { id: alert.id, type: alert.type, subject: alert.subject, attempt, error: error?.toDocument() };
  metrics.countAlert(outcome);
  if (outcome === 'dead') log.error(fields, 'Alert:Post:Failed');
  else if (outcome === 'retry' && attempt === 1) log.warn(fields, 'Alert:Post:Retried');
  else if (outcome === 'done') log.info(fields, 'Alert:Post:Done');
}

async function completeExpired({ database, queues, log, metrics }: RouterParts, job: Job<AlertJob>): Promise<void> {
  const { id, type, subject } = job.data.alert;
  try {
    await database.transaction('relaxed', (tx) => queues.complete(tx, job, { outcome: 'expired' }));
    metrics.countAlert('expired');
    log.warn({ id, type, subject, created: job.createdOn }, 'Alert:Post:Expired');
  } catch (thrown) {
    // The job stays active until its heartbeat expires, and is then completed.
    if (!(thrown instanceof DeliveryLost))
      log.warn({ id, type, subject, reason: asSluiceError(thrown).message }, 'Alert:Store:Failed');
  }
}
