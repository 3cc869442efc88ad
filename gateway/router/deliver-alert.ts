import { messageOf } from '../alerts/alert-message.ts';
import type { AlertJob } from './alert-queue.ts';
import type { RetryPolicy } from './outcome.ts';
import { deliverPost } from './post-job.ts';
import type { Job } from './queues.ts';
import type { RouterParts } from './router-parts.ts';

export const ALERT_CONCURRENCY = 2;
/** About a day: the receiver can be away for a night. */
const POLICY: RetryPolicy = { RETRY_LIMIT: 150, RETRY_DELAY_SECONDS: 1, RETRY_DELAY_MAX_SECONDS: 600 };

/**
 * Posts an alert to ALERT_WEBHOOK_URL, for about a day if it is not accepted. A redirect is not followed, so that the
 * URL of the operator is the only receiver. Never throws.
 */
export async function deliverAlert(parts: RouterParts, job: Job<AlertJob>): Promise<void> {
  const { env, log, metrics } = parts;
  const { alert, attempt } = job.data;
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
