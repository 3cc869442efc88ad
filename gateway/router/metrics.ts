import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { SluiceEvent } from '#shared/events/event.ts';
import type { Outcome } from './outcome.ts';
import { BoundedReading } from '../observe/bounded-reading.ts';
import type { QueueAge, QueueCounts } from './queues.ts';
import { RunMetrics } from './run-metrics.ts';

/** A hop takes milliseconds; with a backlog it takes minutes. */
const HOP_BUCKETS_SECONDS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 120, 600];
/** Several scrapers read the metrics every few seconds. */
const AGE_FRESH_MS = 2_000;
const CALL_BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800];

/** The metrics of the router. The gateway includes `registry` in /metrics. */
export class RouterMetrics {
  readonly registry = new Registry();
  #deliveries = new Counter({
    name: 'sluice_deliveries_total',
    help: 'Deliveries of events to functions, by outcome.',
    labelNames: ['function', 'outcome'],
    registers: [this.registry],
  });
  #published = new Counter({
    name: 'sluice_events_total',
    help: 'Publications of events to a queue: added, or repeat if the queue had the event.',
    labelNames: ['outcome'],
    registers: [this.registry],
  });
  #hop = new Histogram({
    name: 'sluice_hop_seconds',
    help: 'Time from the publication of an event to the start of the function.',
    labelNames: ['function'],
    buckets: HOP_BUCKETS_SECONDS,
    registers: [this.registry],
  });
  #call = new Histogram({
    name: 'sluice_call_seconds',
    help: 'Duration of function calls.',
    labelNames: ['function'],
    buckets: CALL_BUCKETS_SECONDS,
    registers: [this.registry],
  });

  #alerts = new Counter({
    name: 'sluice_alerts_total',
    help: 'Posts of alerts: done, retry, dead after the last retry, or expired without a post.',
    labelNames: ['outcome'],
    registers: [this.registry],
  });
  readonly #runs = new RunMetrics(this.registry);

  /** The gauges query the database for each scrape. They have no value while it is unavailable. */
  constructor(read: {
    queueCounts(): Promise<QueueCounts[]>;
    oldestWaiting(): Promise<QueueAge[]>;
    deadLetters(): Promise<number>;
  }) {
    new Gauge({
      name: 'sluice_queue_jobs',
      help: 'Jobs that are waiting or running; counted every 30 seconds.',
      labelNames: ['function', 'state'],
      registers: [this.registry],
      async collect() {
        const counts = await read.queueCounts().catch(() => undefined);
        this.reset();
        for (const { queue, waiting, running } of counts ?? []) {
          this.set({ function: queue, state: 'waiting' }, waiting);
          this.set({ function: queue, state: 'running' }, running);
        }
      },
    });
    const ages = new BoundedReading(() => read.oldestWaiting(), { freshMs: AGE_FRESH_MS });
    new Gauge({
      name: 'sluice_queue_oldest_seconds',
      help: 'For how long the oldest job that is due has been waiting.',
      labelNames: ['function'],
      registers: [this.registry],
      async collect() {
        const oldest = await ages.value();
        this.reset();
        for (const { queue, seconds } of oldest ?? []) this.set({ function: queue }, seconds);
      },
    });
    const letters = new BoundedReading(() => read.deadLetters(), { freshMs: 0 });
    new Gauge({
      name: 'sluice_dead_letters',
      help: 'Dead letters that were neither re-driven nor discarded.',
      registers: [this.registry],
      async collect() {
        const count = await letters.value();
        if (count !== undefined) this.set(count);
      },
    });
  }

  countPublished(event: SluiceEvent, added: boolean): void {
    this.#published.inc({ outcome: added ? 'added' : 'repeat' });
    if (added) this.#runs.count(event);
  }

  countAlert(outcome: string): void {
    this.#alerts.inc({ outcome });
  }

  observeHop(functionName: string, seconds: number): void {
    this.#hop.observe({ function: functionName }, Math.max(0, seconds));
  }

  observeCall(functionName: string, outcome: Outcome, seconds: number): void {
    this.#deliveries.inc({ function: functionName, outcome: outcome.kind });
    this.#call.observe({ function: functionName }, seconds);
  }
}
