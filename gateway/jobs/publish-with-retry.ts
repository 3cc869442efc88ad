import { setTimeout as sleep } from 'node:timers/promises';
import type { Env } from '#shared/config/env.ts';
import { asSluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import type { Logger } from '#shared/log/log.ts';
import type { Router } from '../router/router.ts';

/**
 * Delay of a retry while the database is unavailable. If the process ends first, the next start publishes the event.
 */
const RETRY_MS = 1_000;

export interface PublishParts {
  env: Env;
  router: Pick<Router, 'publish'>;
  log: Logger;
  /** Its abort ends the retries. */
  signal: AbortSignal;
}

/** Retries transient errors until the signal aborts. A permanent error is logged. */
export async function publishWithRetry(event: SluiceEvent, { router, log, signal }: PublishParts): Promise<void> {
  while (!signal.aborted) {
    try {
      return await router.publish(event);
    } catch (thrown) {
      const error = asSluiceError(thrown);
      log.warn({ subject: event.subject, error: error.toDocument() }, 'Event:Publish:Failed');
      if (!error.retryable) return;
      await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}
