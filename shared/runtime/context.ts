import type { Env } from '#shared/config/env.ts';
import type { Lane } from '#shared/contracts/lanes.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import type { Gdal } from '#shared/gdal/gdal.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import type { Logger } from '#shared/log/log.ts';
import type { ObjectStore } from '#shared/storage/object-store.ts';
import type { Postgis } from '#shared/postgis/postgis.ts';

// shared/runtime executes functions: their context, their claims, and the hosts that call them.

/** What a handler may use: the ports. Nothing above them knows which way of running Sluice it is in. */
export interface Context {
  env: Env;
  log: Logger;
  ledger: Ledger;
  objects: ObjectStore;
  postgis: Postgis;
  gdal: Gdal;
  /** Lanes that a function of this installation executes. */
  servedLanes: ReadonlySet<Lane>;
  /** Sends an event beyond the reply; resolves when it is stored. The same id again adds nothing. Throws EVENT_INVALID, SLUICE_UNREACHABLE, DATABASE_UNAVAILABLE. */
  publish: (event: SluiceEvent) => Promise<void>;
  /** Aborts on cancel, lost claim, timeout or shutdown. */
  signal: AbortSignal;
}

/** A function: one event in, one event or nothing out. Throws SluiceError. */
export type Handler = (event: SluiceEvent, context: Context) => Promise<SluiceEvent | undefined>;

/** What a function can do ahead of its first event, so that this one does not wait for it: `warmUp` of its handler.ts, if it exports one. */
export type WarmUp = (context: Pick<Context, 'postgis'>) => void | Promise<void>;
