import { Counter, Registry } from 'prom-client';
import type { DeadLetter } from '#shared/api/views.ts';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { type BrokerPostOptions, brokerUnavailable, postToBroker } from '#shared/events/post-to-broker.ts';
import type { Tracing } from '#shared/tracing/tracing.ts';
import { traceUpload } from '../observe/trace-upload.ts';
import type { Router } from '../router/router.ts';
import { RecentEvents } from './recent-events.ts';

/** /healthz reports a slower check itself. */
const PING_TIMEOUT_MS = 10_000;
/** Monitoring notices a failed post within this time, even if no other event is published. */
const FAILURE_MS = 300_000;

interface Options extends Omit<BrokerPostOptions, 'signal'> {
  url: URL;
  /** Undefined if traces are switched off. */
  tracing?: Tracing | undefined;
}

/**
 * Publishes events to a Knative broker, which replaces the queues: it delivers the events to the functions,
 * repeats failed deliveries, and sends dead letters to fail-run. Nothing is stored here: `publish` resolves when the
 * broker has accepted the event, so a caller that gets no answer repeats it.
 */
export class BrokerPublisher implements Router {
  readonly registry = new Registry();
  #url: URL;
  #options: Omit<BrokerPostOptions, 'signal'>;
  #tracing: Tracing | undefined;
  #recent = new RecentEvents();
  #stopping = new AbortController();
  /** The last post, if it failed. */
  #failure: { error: unknown; at: number } | undefined;
  #published = new Counter({
    name: 'sluice_events_total',
    help: 'Publications of events to the broker: added, repeat if it was published in the last minute, or failed.',
    labelNames: ['outcome'],
    registers: [this.registry],
  });

  constructor({ url, tracing, ...options }: Options) {
    this.#url = url;
    this.#tracing = tracing;
    this.#options = options;
  }

  /** Resolves when the broker has accepted the event. Throws BROKER_UNAVAILABLE. */
  async publish(event: SluiceEvent): Promise<void> {
    await traceUpload(this.#tracing, event, (traced) => this.#publishOnce(traced));
  }

  async #publishOnce(event: SluiceEvent): Promise<boolean> {
    const { work, isRepeat } = this.#recent.once(event, () => this.#post(event));
    const outcome = work.then(
      () => (isRepeat ? 'repeat' : 'added'),
      () => 'failed',
    );
    this.#published.inc({ outcome: await outcome });
    await work;
    return !isRepeat;
  }

  /** An unavailable broker does not prevent the start: /healthz reports it, and publications are repeated. */
  async start(): Promise<void> {
    await this.ping().catch((thrown: unknown) =>
      this.#options.log.error({ error: asSluiceError(thrown).toDocument() }, 'Broker:Check:Failed'),
    );
  }

  stop(): Promise<void> {
    this.#stopping.abort();
    return Promise.resolve();
  }

  /**
   * Throws BROKER_UNAVAILABLE if the broker responds to OPTIONS with 404 or 5xx, or not at all, and if the last post
   * failed within five minutes: Knative responds to OPTIONS with 200, even if the broker in the URL does not exist.
   */
  async ping(): Promise<void> {
    if (this.#failure !== undefined && Date.now() - this.#failure.at < FAILURE_MS) throw this.#failure.error;
    let status: number;
    try {
      const response = await fetch(this.#url, { method: 'OPTIONS', signal: AbortSignal.timeout(PING_TIMEOUT_MS) });
      await response.body?.cancel();
      status = response.status;
    } catch (thrown) {
      throw brokerUnavailable(this.#url, 'does not respond', thrown);
    }
    // Brokers of other classes respond with 405.
    if (status === 404 || status >= 500) throw brokerUnavailable(this.#url, 'is not ready', status);
  }

  publishTo(functionName: string): Promise<never> {
    return notWithBroker(`${functionName} cannot be called asynchronously. Publish an event with POST /events.`);
  }

  scale(functionName: string): never {
    throw new SluiceError(
      'NOT_WITH_BROKER',
      `Knative scales ${functionName}, so the gateway cannot. Set the annotations autoscaling.knative.dev/min-scale ` +
        'and max-scale of its Knative Service.',
    );
  }

  listDeadLetters(): Promise<DeadLetter[]> {
    return noDeadLetters();
  }

  getDeadLetter(): Promise<DeadLetter> {
    return noDeadLetters();
  }

  redrive(): Promise<DeadLetter> {
    return noDeadLetters();
  }

  discard(): Promise<DeadLetter> {
    return noDeadLetters();
  }

  async #post(event: SluiceEvent): Promise<void> {
    try {
      await postToBroker(this.#url, event, { ...this.#options, signal: this.#stopping.signal });
      this.#failure = undefined;
    } catch (error) {
      this.#failure = { error, at: Date.now() };
      throw error;
    }
  }
}

function noDeadLetters(): Promise<never> {
  return notWithBroker(
    'The broker sends dead letters to fail-run, which fails their runs, and stores none. ' +
      'List the failed runs with `npx sluice runs --status failure`, and repeat one with `npx sluice rerun RUN`.',
  );
}

function notWithBroker(message: string): Promise<never> {
  return Promise.reject(new SluiceError('NOT_WITH_BROKER', message));
}
