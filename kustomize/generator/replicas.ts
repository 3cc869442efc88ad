import { concurrencyOf, type StackFunction } from '#shared/config/stack.ts';
import { coresOf } from './function-pod.ts';

/** How many replicas each function has, and how many calls reach a replica at the same time. */

/** `replicas` and CORES of base/gateway.yaml. */
export const GATEWAYS = 2;
export const GATEWAY_CORES = 2;
/** A PostGIS server with 4 cores has no more work for further replicas (docs/scaling.md). */
const MAX_REPLICAS_WITH_POSTGIS = 4;
const MAX_REPLICAS = 10;

/** Calls of a function that one gateway makes at the same time. */
export function callsPerGateway(fn: StackFunction): number {
  return sumOf(concurrencyOf(fn, { CORES: GATEWAY_CORES }));
}

/** Calls that one replica executes at the same time on Knative. */
export function callsPerReplica(fn: StackFunction): number {
  return sumOf(concurrencyOf(fn, { CORES: coresOf(fn) }));
}

/** Replicas without autoscaling: one for each gateway, because each of them makes its own calls. */
export function plainReplicas(fn: StackFunction): number {
  return fn.schedule === undefined ? GATEWAYS : 1;
}

/** The largest number of replicas with autoscaling. */
export function maxReplicas(fn: StackFunction): number {
  if (fn.schedule !== undefined) return 1;
  return fn.needs.includes('postgis') ? MAX_REPLICAS_WITH_POSTGIS : MAX_REPLICAS;
}

function sumOf({ all, small }: { all: number; small: number }): number {
  return all + small;
}
