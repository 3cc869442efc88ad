import type { Env } from '#shared/config/env.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { type Alert, deadLetterAlert, runFailedAlert } from '../alerts/alert.ts';
import type { Queues } from './queues.ts';
import type { Executor } from './router-connection.ts';

/** The data of a job in the queue of alerts. */
export interface AlertJob {
  alert: Alert;
  attempt: number;
}

/** The name contains a dot, so it is not a valid function name. */
export const ALERT_QUEUE = 'sluice.alerts';

/**
 * Stores alerts in a queue, in the transaction of their cause. The queue sends each of them at least once, also after a
 * restart, and from one of several gateways. An alert that is stored again within a day has no effect.
 */
export class AlertQueue {
  readonly #queues: Queues;
  readonly #env: Env;

  constructor(queues: Queues, env: Env) {
    this.#queues = queues;
    this.#env = env;
  }

  /** Returns the queues to wake after the transaction is committed. */
  async addForEvent(executor: Executor, event: SluiceEvent): Promise<string[]> {
    const alert = runFailedAlert(event, this.#env);
    return alert === undefined ? [] : this.add(executor, alert);
  }

  /** Returns the queues to wake after the transaction is committed. */
  addForDeadLetter(
    executor: Executor,
    jobId: string,
    letter: Parameters<typeof deadLetterAlert>[1],
  ): Promise<string[]> {
    return this.add(executor, deadLetterAlert(jobId, letter, this.#env));
  }

  /** Returns the queues to wake after the transaction is committed. */
  async add(executor: Executor, alert: Alert): Promise<string[]> {
    const job: AlertJob = { alert, attempt: 1 };
    return (await this.#queues.add(executor, ALERT_QUEUE, alert.id, job)) ? [ALERT_QUEUE] : [];
  }
}
