import type { Env } from '#shared/config/env.ts';
import { withSettings } from '#shared/config/function-settings.ts';
import { type PortName, PORTS, type Stack } from '#shared/config/stack.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { publishEvent } from '#shared/events/post-event.ts';
import { createGdal } from '#shared/gdal/runner.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import { openLedger } from '#shared/ledger/open-ledger.ts';
import type { Logger } from '#shared/log/log.ts';
import { lanesServedBy } from '#shared/manifest/choose-lane.ts';
import type { Postgis } from '#shared/postgis/postgis.ts';
import { openPostgis } from '#shared/postgis/postgis-servers.ts';
import { openObjectStore } from '#shared/storage/s3.ts';
import { openTracing } from '#shared/tracing/open-tracing.ts';
import type { Tracing } from '#shared/tracing/tracing.ts';
import type { Context } from './context.ts';

export interface OpenContext extends Context, AsyncDisposable {
  /** Undefined if traces are switched off. */
  tracing: Tracing | undefined;
  /** Resolves when every opened port responds. Throws DATABASE_UNAVAILABLE, STORE_UNAVAILABLE. */
  ping(): Promise<void>;
}

export interface ContextOptions {
  /** Undefined in a container without stack.yml: then every port is opened and every lane counts as served. */
  stack?: Stack | undefined;
  /** Opens only the ports that stack.yml declares for this function. All ports are opened by default. */
  functionName?: string;
  /** The name of this process in traces, unless it has a function name. */
  service?: string;
}

/**
 * Opens the ports at the addresses of the environment. Disposing the context aborts its `signal` and closes its
 * connections. Throws CONFIG_INVALID, DATABASE_UNAVAILABLE; nothing stays open then.
 */
export async function openContext(
  env: Env,
  log: Logger,
  { stack, functionName = '', service = 'sluice' }: ContextOptions = {},
): Promise<OpenContext> {
  const needs = stack?.find(functionName)?.needs ?? PORTS;
  const ending = new AbortController();
  const closers: (() => void | Promise<void>)[] = [];
  const dispose = async () => {
    ending.abort();
    await Promise.allSettled(closers.map(async (close) => close()));
  };
  try {
    const ports = await openPorts(env, log, { needs, functionName, onOpened: (close) => closers.push(close) });
    const tracing = await openTracing(env, functionName === '' ? service : `sluice-${functionName}`, log);
    if (tracing !== undefined) closers.push(() => tracing.close());
    return {
      env,
      log,
      ...ports,
      tracing,
      servedLanes: lanesServedBy(stack),
      publish: (event) => publishEvent(env, event, { signal: ending.signal, log }),
      signal: ending.signal,
      ping: () => pingPorts(ports, needs),
      [Symbol.asyncDispose]: dispose,
    };
  } catch (thrown) {
    await dispose();
    throw thrown;
  }
}

type Ports = Pick<Context, PortName>;

async function openPorts(
  env: Env,
  log: Logger,
  {
    needs,
    functionName,
    onOpened,
  }: { needs: readonly PortName[]; functionName: string; onOpened: (close: () => void | Promise<void>) => void },
): Promise<Ports> {
  const ports: Ports = {
    ledger: undeclaredPort(functionName, 'ledger'),
    objects: undeclaredPort(functionName, 'objects'),
    postgis: undeclaredPort(functionName, 'postgis'),
    gdal: undeclaredPort(functionName, 'gdal'),
  };
  if (needs.includes('ledger')) {
    const ledger = await openLedger(env);
    onOpened(() => ledger.close());
    ports.ledger = ledger;
  }
  if (needs.includes('objects')) {
    const objects = openObjectStore(env);
    onOpened(() => objects.close());
    ports.objects = objects;
  }
  if (needs.includes('postgis')) {
    const postgis = fencedPostgis(
      openPostgis(postgisUrl(env), { statementSeconds: env.STATEMENT_TIMEOUT_SECONDS }),
      ports.ledger,
    );
    onOpened(() => postgis.close());
    ports.postgis = postgis;
  }
  if (needs.includes('gdal')) ports.gdal = createGdal(env, { log });
  return ports;
}

async function pingPorts({ ledger, objects, postgis }: Ports, needs: readonly PortName[]): Promise<void> {
  const pings: Record<PortName, () => Promise<void>> = {
    ledger: () => ledger.ping(),
    objects: () => objects.ping(),
    postgis: () => postgis.ping(),
    gdal: () => Promise.resolve(), // A program, not a server.
  };
  await Promise.all(needs.map((port) => pings[port]()));
}

function postgisUrl({ POSTGIS_URL }: Env): string {
  if (POSTGIS_URL !== undefined) return POSTGIS_URL;
  throw new SluiceError('CONFIG_INVALID', 'POSTGIS_URL is not set, so PostGIS cannot be opened.', {
    details: { variable: 'POSTGIS_URL' },
  });
}

/**
 * The context of a function with settings of its own. It shares the connections, so the settings of connections are not
 * among those that a function can have. Throws CONFIG_INVALID.
 */
export function contextWithSettings(context: Context, settings: Readonly<Record<string, string>>): Context {
  const env = withSettings(context.env, settings);
  const log = context.log.child({}, { level: env.LOG_LEVEL });
  return { ...context, env, log, gdal: createGdal(env, { log }) };
}

/**
 * The context of one function. A port that `needs` does not list throws CONFIG_INVALID at its first use, so that a
 * missing declaration in stack.yml is found in development, where all ports are open, and not only in a container.
 */
export function withDeclaredPorts(context: Context, functionName: string, needs: readonly PortName[]): Context {
  const undeclared = PORTS.filter((port) => !needs.includes(port));
  return {
    ...context,
    ...Object.fromEntries(undeclared.map((port) => [port, undeclaredPort(functionName, port)])),
  };
}

/** Replaces a port that a function does not declare. */
export function undeclaredPort<T extends object>(functionName: string, port: PortName): T {
  return new Proxy({} as T, {
    get() {
      throw new SluiceError(
        'CONFIG_INVALID',
        `Function ${functionName} uses the port ${port}, which its annotation sluice.needs in stack.yml does not list.`,
        { details: { function: functionName, port } },
      );
    },
  });
}

/**
 * PostGIS that opens no session for an ended run. A worker that was suspended while its run was canceled and archived
 * would create the schema of the run again. So the status is read after the schema is created: when the run has ended
 * before, the schema is dropped immediately; when it ends later, its archive step drops the schema and ends the
 * session.
 */
export function fencedPostgis(postgis: Postgis, ledger: Pick<Ledger, 'getRun'>): Postgis {
  return {
    servers: postgis.servers,
    chooseServer: (runId) => postgis.chooseServer(runId),
    openSession: async (claim, signal) => {
      const session = await postgis.openSession(claim, signal);
      try {
        const run = await ledger.getRun(claim.runId);
        if (run === undefined || run.status === 'running') return session;
        await postgis.dropSchema(claim.runId, claim.server);
        throw new SluiceError(
          'CLAIM_STALE',
          `Run ${claim.runId} has ended (${run.status}), so ${claim.step} cannot use its working tables.`,
          { details: { run_id: claim.runId, step: claim.step } },
        );
      } catch (thrown) {
        await session.close();
        throw thrown;
      }
    },
    openTemporarySession: (signal) => postgis.openTemporarySession(signal),
    dropSchema: (runId, server) => postgis.dropSchema(runId, server),
    listRunSchemas: () => postgis.listRunSchemas(),
    ping: () => postgis.ping(),
    warmUp: () => postgis.warmUp(),
    close: () => postgis.close(),
  };
}
