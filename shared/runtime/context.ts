import type { Env } from '#shared/config/env.ts';
import type { Lane } from '#shared/contracts/lanes.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import type { Gdal } from '#shared/gdal/gdal.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import type { Logger } from '#shared/log/log.ts';
import type { ObjectStore } from '#shared/storage/object-store.ts';
import type { Postgis } from '#shared/postgis/postgis.ts';

// shared/runtime executes functions: their context, their claims, and the callers of functions.

/** The ports that a handler uses. Handlers do not depend on how Sluice is deployed. */
export interface Context {
  env: Env;
  log: Logger;
  ledger: Ledger;
  objects: ObjectStore;
  postgis: Postgis;
  gdal: Gdal;
  /** Lanes that a function of this installation executes. */
  servedLanes: ReadonlySet<Lane>;
  /**
   * Publishes an event in addition to the reply. Resolves when the event is stored; a repeated id has no effect.
   * Throws EVENT_INVALID, SLUICE_UNREACHABLE, DATABASE_UNAVAILABLE.
   */
  publish: (event: SluiceEvent) => Promise<void>;
  /** Aborts on cancellation, a lost claim, a timeout, or the stop of the process. */
  signal: AbortSignal;
}

/** A function: receives one event and returns one event or nothing. Throws SluiceError. */
export type Handler = (event: SluiceEvent, context: Context) => Promise<SluiceEvent | undefined>;

/** The optional export `warmUp` of handler.ts: work that would otherwise delay the first event. */
export type WarmUp = (context: Pick<Context, 'postgis'>) => void | Promise<void>;
