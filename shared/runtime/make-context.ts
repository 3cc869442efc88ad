import type { Env } from '#shared/config/env.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { createGdal } from '#shared/gdal/runner.ts';
import { openLedger } from '#shared/ledger/open-ledger.ts';
import type { Logger } from '#shared/log/log.ts';
import { PgPostgis } from '#shared/postgis/pg-postgis.ts';
import { openObjectStore } from '#shared/storage/s3.ts';
import type { Context } from './context.ts';
import { eventSink, postEvent } from '#shared/events/post-event.ts';
import { fencedPostgis } from './fenced-postgis.ts';

/** Opens what handlers need, as the environment names it. Disposing it aborts `signal` and closes the connections. Throws CONFIG_INVALID, DATABASE_UNAVAILABLE. */
export async function openContext(env: Env, log: Logger): Promise<Context & AsyncDisposable> {
  const ledger = await openLedger(env);
  const objects = openObjectStore(env);
  const postgis = fencedPostgis(new PgPostgis(required(env, 'POSTGIS_URL')), ledger);
  const ending = new AbortController();
  return {
    env,
    log,
    ledger,
    objects,
    postgis,
    gdal: createGdal(env, { log }),
    publish: (event) => postEvent(eventSink(env), event, ending.signal),
    signal: ending.signal,
    [Symbol.asyncDispose]: async () => {
      ending.abort();
      objects.close();
      await Promise.allSettled([ledger.close(), postgis.close()]);
    },
  };
}

function required(env: Env, name: 'CONTROL_DATABASE_URL' | 'POSTGIS_URL'): string {
  const value = env[name];
  if (value === undefined)
    throw new SluiceError('CONFIG_INVALID', `${name} is not set; a function in a process of its own needs it.`);
  return value;
}
