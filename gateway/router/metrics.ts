import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Settlement } from './outcome.ts';

/** Milliseconds matter for a hop, minutes for a backlog. */
const HOP_BUCKETS_SECONDS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 120, 600];
const CALL_BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800];

/** What the router counts. The gateway adds `registry` to its /metrics. */
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
    help: 'Events that were added to queues, and repeats that added nothing.',
    labelNames: ['outcome'],
    registers: [this.registry],
  });
  #hop = new Histogram({
    name: 'sluice_hop_seconds',
    help: 'From publication of an event to the start of the function.',
    labelNames: ['function'],
    buckets: HOP_BUCKETS_SECONDS,
    registers: [this.registry],
  });
  #call = new Histogram({
    name: 'sluice_call_seconds',
    help: 'Duration of calls of functions.',
    labelNames: ['function'],
    buckets: CALL_BUCKETS_SECONDS,
    registers: [this.registry],
  });

  /** Gauges are read from the database when the metrics are asked for. */
  constructor(read: {
    backlog(): Promise<{ queue: string; state: string; count: number }[]>;
    deadLetters(): Promise<number>;
  }) {
    new Gauge({
      name: 'sluice_queue_jobs',
      help: 'Jobs that wait or run.',
      labelNames: ['function', 'state'],
      registers: [this.registry],
      async collect() {
        const backlog = await read.backlog().catch(() => undefined); // The database is away: no value is better than no metrics.
        this.reset();
        for (const { queue, state, count } of backlog ?? []) this.set({ function: queue, state }, count);
      },
    });
    new Gauge({
      name: 'sluice_dead_letters',
      help: 'Dead letters that wait for a person.',
      registers: [this.registry],
      async collect() {
        const count = await read.deadLetters().catch(() => undefined);
        if (count !== undefined) this.set(count);
      },
    });
  }

  published(added: boolean): void {
    this.#published.inc({ outcome: added ? 'added' : 'repeat' });
  }

  started(functionName: string, hopSeconds: number): void {
    this.#hop.observe({ function: functionName }, Math.max(0, hopSeconds));
  }

  settled(functionName: string, settlement: Settlement, callSeconds: number): void {
    this.#deliveries.inc({ function: functionName, outcome: settlement.kind });
    this.#call.observe({ function: functionName }, callSeconds);
  }
}
