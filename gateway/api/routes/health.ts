import { Hono } from 'hono';
import { Gauge, Registry } from 'prom-client';
import { within } from '#shared/signals/promises.ts';
import type { HealthDocument } from '#shared/api/health.ts';
import { asSluiceError } from '#shared/errors/sluice-error.ts';
import type { GatewayDeps } from '../deps.ts';
import { gatherGdalHealth, gatherVersions } from '../function-reports.ts';
import type { GatewayMetrics } from '../metrics.ts';

/**
 * GET /healthz returns `{"status":"ok"|"down","checks":{"ledger":"ok","store":"ok","postgis":"ok"}}` with 200 or 503.
 * For a server that is down, the check is the error message. With several PostGIS servers, `checks.postgis_servers` has
 * the state of each, and `checks.postgis` is `ok` if one responds; the status is `degraded` with 200 if another one is
 * down. With a Knative broker, `checks.broker` has its state, and if the queue is not in the database of the ledger,
 * `checks.queue`; if one of them is down, the status is `degraded`, because the webhook rejects notifications, and most
 * other requests work. It responds in 100 ms, even when a server is slow: the last known state is returned meanwhile.
 *
 * GET /api/health adds the GDAL of each function that uses it, `"gdal":{"export-cog":GdalHealth,…}`, if the gateway
 * can call it, and the versions of gateway and functions, `"versions":VersionsDocument`. It waits for the functions,
 * and always responds with 200.
 *
 * GET /metrics returns the metrics of the gateway, the router and the function calls for Prometheus.
 */
export function healthRoutes(deps: GatewayDeps, metrics: GatewayMetrics): Hono {
  const [ledgerCheck, storeCheck] = [checkOf(deps.ledger), checkOf(deps.objects)];
  const brokerCheck = deps.broker && checkOf(deps.broker);
  const queueCheck = deps.queue && checkOf(deps.queue);
  const postgisChecks = deps.postgis.servers.map((server) => ({ name: server.name, check: checkOf(server) }));
  const postgisStates = async () =>
    Object.fromEntries(
      await Promise.all(postgisChecks.map(async ({ name, check }) => [name, await check.state()] as const)),
    );
  const registry = Registry.merge([
    metrics.registry,
    deps.router.registry,
    deps.caller.registry,
    postgisRegistry(postgisStates),
  ]);
  const checkServers = async (): Promise<Pick<HealthDocument, 'status' | 'checks'>> => {
    const [ledger, store, servers, broker, queue] = await Promise.all([
      ledgerCheck.state(),
      storeCheck.state(),
      postgisStates(),
      brokerCheck?.state(),
      queueCheck?.state(),
    ]);
    const states = Object.values(servers);
    const postgis = states.find((state) => state === 'ok') ?? states.join(' ');
    const checks = {
      ledger,
      store,
      postgis,
      ...(broker === undefined ? {} : { broker }),
      ...(queue === undefined ? {} : { queue }),
      ...(states.length > 1 ? { postgis_servers: servers } : {}),
    };
    if (![ledger, store, postgis].every(isUp)) return { status: 'down', checks };
    return { status: [...states, broker ?? 'ok', queue ?? 'ok'].every(isUp) ? 'ok' : 'degraded', checks };
  };
  return new Hono()
    .get('/healthz', async (c) => {
      const health = await checkServers();
      return c.json(health, health.status === 'down' ? 503 : 200);
    })
    .get('/api/health', async (c) => {
      const [{ status, checks }, gdal, versions] = await Promise.all([
        checkServers(),
        gatherGdalHealth(deps),
        gatherVersions(deps),
      ]);
      const works = versions.error === undefined && Object.values(gdal ?? {}).every((each) => isUp(each.status));
      return c.json({
        status: works ? status : 'down',
        checks,
        ...(gdal && { gdal }),
        versions,
      } satisfies HealthDocument);
    })
    .get('/metrics', async (c) => c.body(await registry.metrics(), 200, { 'content-type': registry.contentType }));
}

function checkOf(server: { ping(): Promise<void> }): ServerCheck {
  return new ServerCheck(() => server.ping());
}

function isUp(state: string): boolean {
  return state === 'ok';
}

/** The gauge of each PostGIS server, which is read with the metrics. */
function postgisRegistry(states: () => Promise<Record<string, string>>): Registry {
  const registry = new Registry();
  new Gauge({
    name: 'sluice_postgis_up',
    help: 'Whether the PostGIS server responds.',
    labelNames: ['server'],
    registers: [registry],
    async collect() {
      for (const [server, state] of Object.entries(await states())) this.set({ server }, isUp(state) ? 1 : 0);
    },
  });
  return registry;
}

/** A server that does not respond within this time counts as down. */
const PING_TIMEOUT_MS = 5_000;
/** A request after this time checks the server again. Frequent requests do not load the servers. */
const FRESH_MS = 250;
/** A younger result is returned while the server is checked. */
const CURRENT_MS = 1_000;
/**
 * How long a request waits for the check when the result is older. Then it returns that result, because it must respond
 * in 100 ms, even when it has to wait for a processor.
 */
const WAIT_MS = 20;

/**
 * The last known state of a server: `ok`, or why it is down. A request never waits long for a slow server. Until the
 * first check has ended, the state is `ok`: Sluice starts only when ledger, object store and PostGIS respond.
 */
export class ServerCheck {
  readonly #ping: () => Promise<void>;
  #result = 'ok';
  #checkedAt = -Infinity;
  #running: Promise<void> | undefined;
  #isSlow = false;

  /** `ping` rejects if the server is down. */
  constructor(ping: () => Promise<void>) {
    this.#ping = ping;
  }

  /** The state, at most CURRENT_MS old if the server responds in WAIT_MS. */
  async state(): Promise<string> {
    const age = performance.now() - this.#checkedAt;
    if (this.#running === undefined && age >= FRESH_MS) this.#running = this.#check();
    if (this.#running !== undefined && age >= CURRENT_MS) await within(this.#running, WAIT_MS);
    return this.#isSlow ? `No response within ${PING_TIMEOUT_MS / 1000} s.` : this.#result;
  }

  /** Never rejects. A ping that does not end is not repeated: it would occupy further connections. */
  async #check(): Promise<void> {
    const timer = setTimeout(() => {
      this.#isSlow = true;
    }, PING_TIMEOUT_MS).unref();
    this.#result = await this.#ping().then(
      () => 'ok',
      (thrown: unknown) => asSluiceError(thrown).message,
    );
    clearTimeout(timer);
    this.#isSlow = false;
    this.#checkedAt = performance.now();
    this.#running = undefined;
  }
}
