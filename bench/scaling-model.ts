import { randomUUID } from 'node:crypto';
import { rankServers } from '#shared/postgis/server-list.ts';

/** A model of a large installation. It computes a rate from measured processor times; it measures nothing itself. */

/** Measured processor seconds of one run. */
export interface RunCosts {
  /** Of the PostGIS server. */
  postgis: number;
  /** Of the processes of the functions and their GDAL programs. */
  functions: number;
  /** Of the PostgreSQL server of the ledger. */
  ledger: number;
  /** Of the PostgreSQL server of the queue. */
  queue: number;
  /** Of the process with the router. */
  router: number;
}
export type Part = keyof RunCosts;

export interface Installation {
  /** Number of PostGIS servers, with `cores` each. */
  servers: number;
  /** Runs that are processed at the same time, each by a function process with a core of its own. */
  functions: number;
  /** Cores of each database server. */
  cores: number;
  /** Gateways that share the queue. The router of each uses one core, because it is one thread. */
  gateways: number;
}

export interface Rate {
  runsPerMinute: number;
  /** The part whose cores are used up; `functions` if there is none, so that more functions increase the rate. */
  limit: Part;
}

/** Cores with one queue. A job occupies one core for its processor time. */
class Station {
  readonly #freeAt: number[];
  busy = 0;

  constructor(cores: number) {
    this.#freeAt = new Array<number>(cores).fill(0);
  }

  /** The time at which a job that arrives at `now` is done. */
  serve(now: number, seconds: number): number {
    const core = this.#freeAt.indexOf(Math.min(...this.#freeAt));
    const begin = Math.max(now, this.#freeAt[core] ?? 0);
    this.busy += seconds;
    return (this.#freeAt[core] = begin + seconds);
  }

  get cores(): number {
    return this.#freeAt.length;
  }
}

/** Runs that are simulated, and the share of them that only fills the queues. */
const RUNS = 4_000;
const WARM_UP = 0.25;
/** Utilization from which a part limits the rate. */
const USED_UP = 0.9;

/**
 * Simulates an installation that always has runs waiting: each run uses its parts one after another, and the placement
 * is that of rankServers for random run ids. So it includes that some servers get more runs than others.
 */
export function simulate(costs: RunCosts, { servers, functions, cores, gateways }: Installation): Rate {
  const names = Array.from({ length: servers }, (_, index) => `db${index + 1}:5432/spatial`);
  const postgis = new Map(names.map((name) => [name, new Station(cores)]));
  const single = { router: new Station(gateways), queue: new Station(cores), ledger: new Station(cores) };
  let waiting: { at: number; stage: number; server: string }[] = Array.from({ length: functions }, () => started(0));
  let [done, warmAt, last] = [0, 0, 0];

  function started(at: number) {
    return { at, stage: 0, server: rankServers(randomUUID(), names)[0] ?? '' };
  }
  while (done < RUNS) {
    const job = waiting.reduce((first, other) => (other.at < first.at ? other : first));
    const { at, stage, server } = job;
    job.stage += 1;
    if (stage === 0) job.at = single.router.serve(at, costs.router);
    else if (stage === 1) job.at = single.queue.serve(at, costs.queue);
    else if (stage === 2) job.at = single.ledger.serve(at, costs.ledger);
    else if (stage === 3) job.at = at + costs.functions;
    else if (stage === 4) job.at = postgis.get(server)?.serve(at, costs.postgis) ?? at;
    else {
      done += 1;
      last = at;
      if (done === RUNS * WARM_UP) warmAt = at;
      waiting = waiting.map((other) => (other === job ? started(at) : other));
    }
  }
  const shareOf = ({ busy, cores: count }: Station) => Math.min(1, busy / (last * count));
  const utilization = {
    postgis: Math.max(...[...postgis.values()].map(shareOf)),
    ledger: shareOf(single.ledger),
    queue: shareOf(single.queue),
    router: shareOf(single.router),
  };
  const [part, highest] = Object.entries(utilization).reduce((a, b) => (b[1] > a[1] ? b : a));
  const limit = highest < USED_UP ? 'functions' : (part as Part);
  return { runsPerMinute: (60 * RUNS * (1 - WARM_UP)) / (last - warmAt), limit };
}
