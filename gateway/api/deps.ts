import type { Env } from '#shared/config/env.ts';
import type { Lane } from '#shared/contracts/lanes.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import type { Logger } from '#shared/log/log.ts';
import type { Postgis } from '#shared/postgis/postgis.ts';
import type { ObjectStore } from '#shared/storage/object-store.ts';
import type { Tracing } from '#shared/tracing/tracing.ts';
import type { Access } from '../access/access.ts';
import type { CountedCaller } from '../openfaas/counted-caller.ts';
import type { Deployments } from '../openfaas/deployments.ts';
import type { Router } from '../router/router.ts';
import type { Stack } from '#shared/config/stack.ts';

/** What the routes use. The caller opens and closes it. */
export interface GatewayDeps {
  env: Env;
  router: Pick<
    Router,
    'publish' | 'publishTo' | 'listDeadLetters' | 'getDeadLetter' | 'redrive' | 'discard' | 'registry'
  >;
  /** The Knative broker that delivers the events, for /healthz. Undefined if the router does. */
  broker?: { ping(): Promise<void> };
  /** The queue, for /healthz. Undefined if the ledger is in the same database, or with a broker. */
  queue?: { ping(): Promise<void> };
  /** The router calls the functions through it, too. */
  caller: CountedCaller;
  stack: Pick<Stack, 'find' | 'functions'>;
  /** Which functions run on this machine. Undefined if they run in containers. */
  deployments?: Deployments;
  /** Lanes that a function of the stack executes. */
  servedLanes: ReadonlySet<Lane>;
  ledger: Ledger;
  objects: ObjectStore;
  /**
   * The object store for uploads and downloads, with sockets of its own: slow clients must not delay other requests.
   * The routes limit its use.
   */
  transfers: ObjectStore;
  /** The PostGIS servers, for /healthz only. */
  postgis: Pick<Postgis, 'servers'>;
  log: Logger;
  /** Undefined if traces are switched off. */
  tracing?: Tracing | undefined;
  access: Access;
}
