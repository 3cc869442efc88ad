import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import { LANES } from '#shared/contracts/lanes.ts';
import { BoundedReading } from '../observe/bounded-reading.ts';
import { readDiskSpace } from '../observe/disk-space.ts';
import { nameInNamespace } from '../openfaas/counted-caller.ts';
import type { GatewayDeps } from './deps.ts';

/** The metrics of the gateway, for /metrics. */
export interface GatewayMetrics {
  registry: Registry;
  /**
   * Records of bucket notifications: `routed`, `ignored` (not a manifest), `invalid` (not readable or not storable).
   */
  notifications: Counter<'outcome'>;
}

/** Several scrapers read the metrics every few seconds. */
const FRESH_MS = 2_000;

/** Uses a new registry, so that two gateways in one process have separate metrics. */
export function createMetrics(deps: Pick<GatewayDeps, 'deployments' | 'env' | 'ledger'>): GatewayMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  addGauges(registry, deps);
  return {
    registry,
    notifications: new Counter({
      name: 'sluice_notifications_total',
      help: 'Records of bucket notifications, by outcome.',
      labelNames: ['outcome'],
      registers: [registry],
    }),
  };
}

/** Gauges whose values are read for each scrape. They have no value while they cannot be read. */
function addGauges(
  registry: Registry,
  { deployments, env, ledger }: Pick<GatewayDeps, 'deployments' | 'env' | 'ledger'>,
): void {
  const registers = [registry];
  const running = new BoundedReading(() => ledger.countRunningRuns(), { freshMs: FRESH_MS });
  new Gauge({
    name: 'sluice_runs_running',
    help: 'Runs that have not ended, in the ledger.',
    labelNames: ['lane'],
    registers,
    async collect() {
      const counts = await running.value();
      this.reset();
      if (counts !== undefined) for (const lane of LANES) this.set({ lane }, counts[lane] ?? 0);
    },
  });
  new Gauge({
    name: 'sluice_disk_free_bytes',
    help: 'Free space of the file system of a folder of the gateway.',
    labelNames: ['folder'],
    registers,
    async collect() {
      for (const { folder, freeBytes } of await readDiskSpace(env)) this.set({ folder }, freeBytes);
    },
  });
  new Gauge({
    name: 'sluice_disk_size_bytes',
    help: 'Size of the file system of a folder of the gateway.',
    labelNames: ['folder'],
    registers,
    async collect() {
      for (const { folder, sizeBytes } of await readDiskSpace(env)) this.set({ folder }, sizeBytes);
    },
  });
  if (deployments === undefined) return; // The platform of the containers knows their replicas.
  new Gauge({
    name: 'gateway_service_count',
    help: 'Replicas of a function: calls that may run at the same time.',
    labelNames: ['function_name'],
    registers,
    collect() {
      this.reset();
      for (const { name } of deployments.functions)
        this.set({ function_name: nameInNamespace(name) }, deployments.replicas(name));
    },
  });
}
