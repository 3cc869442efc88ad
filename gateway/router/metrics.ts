import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Outcome } from './outcome.ts';
import type { QueueCounts } from './queues.ts';

/** A hop takes milliseconds; with a backlog it takes minutes. */
const HOP_BUCKETS_SECONDS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 120, 600];
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

  /** The gauges query the database for each scrape. They have no value while it is unavailable. */
  constructor(read: { queueCounts(): Promise<QueueCounts[]>; deadLetters(): Promise<number> }) {
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
    new Gauge({
      name: 'sluice_dead_letters',
      help: 'Dead letters that were neither re-driven nor discarded.',
      registers: [this.registry],
      async collect() {
        const count = await read.deadLetters().catch(() => undefined);
        if (count !== undefined) this.set(count);
      },
    });
  }

  countPublished(added: boolean): void {
    this.#published.inc({ outcome: added ? 'added' : 'repeat' });
  }

  observeHop(functionName: string, seconds: number): void {
    this.#hop.observe({ function: functionName }, Math.max(0, seconds));
  }

  observeCall(functionName: string, outcome: Outcome, seconds: number): void {
    this.#deliveries.inc({ function: functionName, outcome: outcome.kind });
    this.#call.observe({ function: functionName }, seconds);
  }
}
