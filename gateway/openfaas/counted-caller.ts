import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { z } from 'zod';
import { asSluiceError, type SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { httpStatusOf } from '#shared/events/http.ts';
import type { FunctionCaller, InvokeOptions } from '#shared/runtime/function-caller.ts';
import { CallHistory } from './call-history.ts';
import { NAMESPACE } from './function-status.ts';

/** Limits of the buckets, from a call that returns a recorded reply to a long GDAL step. */
const DURATION_BUCKETS_SECONDS = [0.005, 0.02, 0.1, 0.5, 1, 5, 30, 120, 600, 3600];

/**
 * Counts all calls of functions: direct ones and deliveries of the router. OpenFaaS's gateway counts the calls of its
 * queue worker in the same way. Names and labels of the metrics are those of OpenFaaS, so that its dashboards work.
 */
export class CountedCaller implements FunctionCaller {
  readonly registry = new Registry();
  readonly history = new CallHistory();
  readonly #caller: FunctionCaller;
  readonly #started = new Counter({
    name: 'gateway_function_invocation_started',
    help: 'Function calls that were started.',
    labelNames: ['function_name'],
    registers: [this.registry],
  });
  readonly #inFlight = new Gauge({
    name: 'gateway_function_invocation_inflight',
    help: 'Function calls that are running.',
    labelNames: ['function_name'],
    registers: [this.registry],
  });
  readonly #completed = new Counter({
    name: 'gateway_function_invocation_total',
    help: 'Function calls that have ended, direct and asynchronous ones, by HTTP status.',
    labelNames: ['function_name', 'code'],
    registers: [this.registry],
  });
  readonly #seconds = new Histogram({
    name: 'gateway_functions_seconds',
    help: 'Duration of function calls, by HTTP status.',
    labelNames: ['function_name', 'code'],
    buckets: DURATION_BUCKETS_SECONDS,
    registers: [this.registry],
  });

  constructor(caller: FunctionCaller) {
    this.#caller = caller;
  }

  async invoke(name: string, event: SluiceEvent, options: InvokeOptions): Promise<SluiceEvent | undefined> {
    const function_name = nameInNamespace(name);
    const startedAt = performance.now();
    let error: SluiceError | undefined;
    this.history.start(name);
    this.#started.inc({ function_name });
    this.#inFlight.inc({ function_name });
    try {
      return await this.#caller.invoke(name, event, options);
    } catch (thrown) {
      error = asSluiceError(thrown);
      throw thrown;
    } finally {
      this.#inFlight.dec({ function_name });
      const code = error === undefined ? 200 : httpStatusOf(error);
      const seconds = (performance.now() - startedAt) / 1000;
      this.#completed.inc({ function_name, code });
      this.#seconds.observe({ function_name, code }, seconds);
      this.history.end(name, { seconds, error: error?.toDocument(), runId: runIdOf(event) });
    }
  }

  /** The calls of each function that have ended since the start. */
  async completedCalls(): Promise<(name: string) => number> {
    const { values } = await this.#completed.get();
    return (name) => {
      const ofFunction = values.filter(({ labels }) => labels.function_name === nameInNamespace(name));
      return ofFunction.reduce((sum, { value }) => sum + value, 0);
    };
  }
}

/** The name of a function in the metrics of OpenFaaS's gateway. */
export function nameInNamespace(functionName: string): string {
  return `${functionName}.${NAMESPACE}`;
}

/** The run that the event names. Forged events can have other texts. */
function runIdOf({ data }: SluiceEvent): string | undefined {
  return z.object({ run_id: z.uuid() }).safeParse(data).data?.run_id;
}
