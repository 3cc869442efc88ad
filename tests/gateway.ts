import type { AddressInfo } from 'node:net';
import { serve, type ServerType } from '@hono/node-server';
import type { Hono } from 'hono';
import { LANES } from '#shared/contracts/lanes.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { type SluiceEvent } from '#shared/events/event.ts';
import { openPostgresLedger } from '#shared/ledger/postgres/postgres-ledger.ts';
import { type Logger, SILENT_LOG } from '#shared/log/log.ts';
import { openPostgis } from '#shared/postgis/postgis-servers.ts';
import type { InvokeOptions } from '#shared/runtime/function-caller.ts';
import { openObjectStore } from '#shared/storage/s3.ts';
import { Access } from '../gateway/access/access.ts';
import { createGateway, type GatewayDeps } from '../gateway/api/app.ts';
import { CountedCaller } from '../gateway/openfaas/counted-caller.ts';
import { createRouter } from '../gateway/router/queue-router.ts';
import type { Router } from '../gateway/router/router.ts';
import { parseStack } from '#shared/config/stack.ts';
import { createDatabase, startObjectStore, testEnv } from './servers.ts';

/** The code of a function: it receives an event, and returns an event or nothing. */
export type TestFunction = (event: SluiceEvent, options: InvokeOptions) => Promise<SluiceEvent | undefined>;

export interface TestGateway {
  app: Hono;
  deps: GatewayDeps & { router: Router };
  /** The database of the ledger and the queues. */
  databaseUrl: string;
  /** Listens on a free port of 127.0.0.1, and returns the URL. */
  listen(): Promise<string>;
  stop(): Promise<void>;
}

/**
 * Starts a gateway with a new database, queues and an object store. `functions` maps the name of each function to the
 * event types that it receives and its code.
 */
export async function startGateway(
  functions: Record<string, { topic: string; run: TestFunction; environment?: Record<string, string> }> = {},
  variables: Record<string, string> = {},
  { now = Date.now, log = SILENT_LOG }: { now?: () => number; log?: Logger } = {},
): Promise<TestGateway> {
  const [database, store] = await Promise.all([createDatabase({ postgis: true }), startObjectStore()]);
  const env = testEnv({ S3_ENDPOINT: store.endpoint, ...variables });
  const stack = parseStack(
    JSON.stringify({
      functions: Object.fromEntries(
        Object.entries(functions).map(([name, { topic, environment = {} }]) => [
          name,
          { annotations: { topic }, environment },
        ]),
      ),
    }),
  );
  const caller = new CountedCaller({
    invoke: async (name: string, event: SluiceEvent, options: InvokeOptions) => {
      const fn = functions[name];
      if (fn === undefined) throw new SluiceError('FUNCTION_NOT_FOUND', `There is no function named ${name}.`);
      return fn.run(event, options);
    },
  });
  const ledger = await openPostgresLedger(database.url);
  const router = await createRouter({ databaseUrl: database.url, stack, caller, env, log: SILENT_LOG });
  await router.start();
  const objects = openObjectStore(env);
  const transfers = openObjectStore(env, { maxSockets: Infinity });
  const postgis = openPostgis(database.url);
  const servedLanes = new Set(LANES);
  const access = await Access.open(
    { ...env, CONTROL_DATABASE_URL: database.url },
    { home: env.SCRATCH_DIR ?? '', log, now },
  );
  const deps = { env, router, caller, stack, servedLanes, ledger, objects, transfers, postgis, log, access };
  const app = createGateway(deps);
  let server: ServerType | undefined;
  return {
    app,
    deps,
    databaseUrl: database.url,
    listen: () =>
      new Promise((done) => {
        server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, (address: AddressInfo) =>
          done(`http://127.0.0.1:${address.port}`),
        );
      }),
    stop: async () => {
      if (server && 'closeAllConnections' in server) server.closeAllConnections();
      await new Promise<void>((done) => (server ? server.close(() => done()) : done()));
      // A test may have closed one of them already; the failure must not keep the others open.
      await Promise.allSettled([router.stop()]);
      await Promise.allSettled([ledger.close(), postgis.close(), access.close()]);
      objects.close();
      transfers.close();
      await Promise.allSettled([store.stop(), database.drop()]);
    },
  };
}
