import { collectDefaultMetrics, Histogram, Registry } from 'prom-client';
import type { HttpReply } from '#shared/events/http.ts';

/** From a call that only queries the ledger to a long GDAL step. */
const CALL_BUCKETS_SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 120, 600, 3600];

/** The metrics of a process that serves one function, for Prometheus. The router counts the calls of all functions. */
export class FunctionMetrics {
  readonly #registry = new Registry();
  readonly #calls = new Histogram({
    name: 'sluice_function_call_seconds',
    help: 'Duration of the calls that this process executed, by HTTP status of the reply.',
    labelNames: ['status'],
    buckets: CALL_BUCKETS_SECONDS,
    registers: [this.#registry],
  });

  constructor() {
    collectDefaultMetrics({ register: this.#registry });
  }

  observe(status: number, seconds: number): void {
    this.#calls.observe({ status }, seconds);
  }

  /** The response of `GET /metrics`. */
  async reply(): Promise<HttpReply> {
    const headers = { 'content-type': this.#registry.contentType };
    return { status: 200, headers, body: await this.#registry.metrics() };
  }
}
