import { collectDefaultMetrics, Counter, Histogram, Registry } from 'prom-client';

/** What the gateway counts, for /metrics. Names of function metrics are OpenFaaS's, so that its dashboards work. */
export interface GatewayMetrics {
  registry: Registry;
  /** Records of bucket notifications: `routed`, `ignored` (not a manifest), `invalid` (could not be read or stored). */
  notifications: Counter<'outcome'>;
  invocations: Counter<'function_name' | 'code'>;
  invocationSeconds: Histogram<'function_name'>;
}

/** Seconds: from a hop of the router to a long GDAL step. */
const DURATION_BUCKETS = [0.005, 0.02, 0.1, 0.5, 1, 5, 30, 120, 600, 3600];

/** A registry of its own, so that two gateways in one process do not mix. */
export function createMetrics(): GatewayMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    registry,
    notifications: new Counter({
      name: 'sluice_notifications_total',
      help: 'Records of bucket notifications, by what was done with them.',
      labelNames: ['outcome'],
      registers,
    }),
    invocations: new Counter({
      name: 'gateway_function_invocation_total',
      help: 'Synchronous calls of functions, by HTTP status.',
      labelNames: ['function_name', 'code'],
      registers,
    }),
    invocationSeconds: new Histogram({
      name: 'gateway_functions_seconds',
      help: 'Time of synchronous calls of functions.',
      labelNames: ['function_name'],
      buckets: DURATION_BUCKETS,
      registers,
    }),
  };
}
