import { expect, test } from 'vitest';
import type { BatchView } from '#shared/api/views.ts';
import { parseEnv } from '#shared/config/env.ts';
import { asSluiceError } from '#shared/errors/sluice-error.ts';
import type { GatewayDeps } from '../deps.ts';
import { batchRoutes } from './batches.ts';

/** POST /api/batches, with a store and a ledger in memory. */

const FILE = { path: 's3://landing-zone/uploads/1/Straßen #1.gpkg', type: 'vector', format: 'GPKG' };
const DRAFT = { dataset_id: 'straßen', files: [FILE] };
const REQUEST_ID = '01890a5d-ac96-774b-bcce-b302099a8057';

function createRoutes() {
  const stored: string[] = [];
  const landing = new Set<string>();
  const archived = new Set<string>();
  const deps = {
    env: parseEnv({}),
    objects: {
      head: (_bucket: string, key: string) => Promise.resolve(landing.has(key) ? { key } : undefined),
      put: (_bucket: string, key: string) => {
        landing.add(key);
        stored.push(key);
        return Promise.resolve();
      },
    },
    ledger: { findManifestsByKey: (key: string) => Promise.resolve(archived.has(key) ? [{}] : []) },
  };
  // The routes use only these methods.
  const app = batchRoutes(deps as unknown as GatewayDeps);
  app.onError((thrown, c) => c.json({ error: asSluiceError(thrown).toDocument() }, 500));
  const start = async (changed: Record<string, unknown>) => {
    const body = JSON.stringify({ ...DRAFT, ...changed });
    return (await (await app.request('/api/batches', { method: 'POST', body })).json()) as BatchView;
  };
  const archive = () => {
    for (const key of landing) archived.add(key);
    landing.clear();
  };
  return { stored, start, archive };
}

test('a repeated request returns the same batch, also after its run has ended', async () => {
  const { stored, start, archive } = createRoutes();
  const first = await start({ request_id: REQUEST_ID });
  expect(first.batch_id).toMatch(/^straßen-20230630T033418-[0-9a-f]{12}$/);
  expect(await start({ request_id: REQUEST_ID })).toEqual(first);
  archive();
  expect(await start({ request_id: REQUEST_ID })).toEqual(first);
  expect(stored).toEqual([first.manifest_key]);
});

test('another draft with the same request_id, and a draft without one, is another batch', async () => {
  const { stored, start } = createRoutes();
  await start({ request_id: REQUEST_ID });
  await start({ request_id: REQUEST_ID, metadata: { description: 'é' } });
  await start({});
  await start({});
  expect(new Set(stored).size).toBe(4);
});

test('a request_id that is no UUID of version 7 is rejected', async () => {
  const { start, stored } = createRoutes();
  expect(await start({ request_id: 'a' })).toMatchObject({ error: { code: 'REQUEST_INVALID' } });
  expect(stored).toEqual([]);
});
