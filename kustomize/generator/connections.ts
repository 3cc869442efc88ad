import type { Stack, StackFunction } from '#shared/config/stack.ts';
import { MAX_CONNECTIONS as LEDGER_POOL_SIZE } from '#shared/ledger/mongodb/database.ts';
import { MAX_SERVICE_CONNECTIONS } from '#shared/postgis/pg-postgis.ts';
import { MAX_CONNECTIONS as SESSION_POOL_SIZE } from '../../gateway/access/session-store.ts';
import { POOL_SIZE as QUEUE_POOL_SIZE } from '../../gateway/router/database.ts';
import { callsPerGateway, callsPerReplica, GATEWAYS, maxReplicas, plainReplicas } from './replicas.ts';

/** How many connections the stores get at the maximum scale. base/connections.env limits the servers to it. */

/** The pool, and two connections of the driver that monitor the server. */
const LEDGER_CONNECTIONS = LEDGER_POOL_SIZE + 2;
/** Two pools, and the connection that receives notifications. */
const QUEUE_CONNECTIONS = 2 * QUEUE_POOL_SIZE + 1;
/** For administrators, and for the superuser (superuser_reserved_connections). */
const RESERVED_CONNECTIONS = 20;
const ROUND_TO = 50;

/** A kind of cluster at its maximum scale. */
interface Scale {
  name: string;
  replicas: (fn: StackFunction) => number;
  /** Calls of the function at the same time, on all replicas. */
  calls: (fn: StackFunction) => number;
  /** During an update, each Deployment has one more pod. */
  surge: number;
  queue: boolean;
}

const gatewayCalls = (fn: StackFunction) => GATEWAYS * callsPerGateway(fn);

const SCALES: readonly Scale[] = [
  { name: 'plain', replicas: plainReplicas, calls: gatewayCalls, surge: 1, queue: true },
  { name: 'openfaas', replicas: maxReplicas, calls: gatewayCalls, surge: 1, queue: true },
  {
    name: 'knative',
    replicas: maxReplicas,
    calls: (fn) => maxReplicas(fn) * callsPerReplica(fn),
    surge: 0,
    queue: false,
  },
];

export interface Connections {
  overlay: string;
  replicas: number;
  postgis: number;
  mongodb: number;
  control: number;
}

/** The connections of each overlay at its maximum scale. */
export function connectionsOf({ functions }: Pick<Stack, 'functions'>): Connections[] {
  const total = (fns: StackFunction[], count: (fn: StackFunction) => number) =>
    fns.reduce((sum, fn) => sum + count(fn), 0);
  const withPostgis = functions.filter(({ needs }) => needs.includes('postgis'));
  const withLedger = functions.filter(({ needs }) => needs.includes('ledger'));
  return SCALES.map(({ name, replicas, calls, surge, queue }) => {
    const gateways = GATEWAYS + 1; // The Deployment has one more pod during an update.
    return {
      overlay: name,
      replicas: total(functions, replicas),
      postgis:
        total(withPostgis, (fn) => calls(fn) * sessionsPerCall(fn) + (replicas(fn) + surge) * MAX_SERVICE_CONNECTIONS) +
        gateways * MAX_SERVICE_CONNECTIONS,
      mongodb: (total(withLedger, (fn) => replicas(fn) + surge) + gateways) * LEDGER_CONNECTIONS,
      control: queue ? gateways * (QUEUE_CONNECTIONS + SESSION_POOL_SIZE) : 0,
    };
  });
}

/** The session of the step, and the one of a GDAL program. */
function sessionsPerCall({ needs }: StackFunction): number {
  return needs.includes('gdal') ? 2 : 1;
}

/** The limits of the servers: the largest number of all overlays, with a reserve. */
export function connectionLimits(stack: Pick<Stack, 'functions'>): Record<string, number> {
  const all = connectionsOf(stack);
  const limit = (store: 'postgis' | 'mongodb' | 'control') =>
    Math.ceil((Math.max(...all.map((each) => each[store])) + RESERVED_CONNECTIONS) / ROUND_TO) * ROUND_TO;
  return {
    POSTGIS_MAX_CONNECTIONS: limit('postgis'),
    MONGODB_MAX_CONNECTIONS: limit('mongodb'),
    CONTROL_MAX_CONNECTIONS: limit('control'),
  };
}
