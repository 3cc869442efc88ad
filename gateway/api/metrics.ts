import { collectDefaultMetrics, Counter, Histogram, Registry } from 'prom-client';

/** The metrics of the gateway, for /metrics. Function metrics have OpenFaaS's names, so that its dashboards work. */
export interface GatewayMetrics {
  registry: Registry;
  /**
   * Records of bucket notifications: `routed`, `ignored` (not a manifest), `invalid` (not readable or not storable).
   */
  notifications: Counter<'outcome'>;
  invocations: Counter<'function_name' | 'code'>;
  invocationSeconds: Histogram<'function_name'>;
}

/** Limits of the buckets, from a hop of the router to a long GDAL step. */
const DURATION_BUCKETS_SECONDS = [0.005, 0.02, 0.1, 0.5, 1, 5, 30, 120, 600, 3600];

/** Uses a new registry, so that two gateways in one process have separate metrics. */
export function createMetrics(): GatewayMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    registry,
    notifications: new Counter({
      name: 'sluice_notifications_total',
      help: 'Records of bucket notifications, by outcome.',
      labelNames: ['outcome'],
      registers,
    }),
    invocations: new Counter({
      name: 'gateway_function_invocation_total',
      help: 'Synchronous function calls, by HTTP status.',
      labelNames: ['function_name', 'code'],
      registers,
    }),
    invocationSeconds: new Histogram({
      name: 'gateway_functions_seconds',
      help: 'Duration of synchronous function calls.',
      labelNames: ['function_name'],
      buckets: DURATION_BUCKETS_SECONDS,
      registers,
    }),
  };
}
