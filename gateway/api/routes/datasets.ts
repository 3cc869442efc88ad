import { Hono } from 'hono';
import { z } from 'zod';
import { type RetentionView } from '#shared/api/views.ts';
import { deleteRemovedAssets } from '#shared/assets/remove-assets.ts';
import { setRetention } from '#shared/assets/remove-assets.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { DATASET_ID, KeepVersionsSchema } from '#shared/manifest/manifest.ts';
import { datasetView } from '#shared/api/create-views.ts';
import type { GatewayDeps } from '../deps.ts';
import { readJson } from '../http/request-body.ts';
import { noQuery, operatorOf } from '../http/request-fields.ts';

const RetentionBody = z.strictObject({ keep_versions: KeepVersionsSchema.nullable() });

/**
 * Datasets. An unknown id is 404 DATASET_NOT_FOUND.
 *
 * GET /api/datasets returns DatasetView[].
 * GET /api/datasets/:id returns a DatasetView.
 * PUT /api/datasets/:id/retention `{keep_versions}` sets how many of the newest versions are kept (null: all), removes
 * the other versions immediately, and returns a RetentionView.
 */
export function datasetRoutes(deps: Pick<GatewayDeps, 'ledger' | 'objects' | 'env' | 'log'>): Hono {
  const { ledger } = deps;
  const findDataset = async (id: string) => {
    const dataset = DATASET_ID.safeParse(id).success ? await ledger.getDataset(id) : undefined;
    if (dataset === undefined)
      throw new SluiceError('DATASET_NOT_FOUND', `Dataset ${JSON.stringify(id)} does not exist.`, {
        details: { dataset_id: id },
      });
    return dataset;
  };
  return new Hono()
    .get('/api/datasets', noQuery, async (c) => c.json((await ledger.listDatasets()).map(datasetView)))
    .get('/api/datasets/:id', noQuery, async (c) => c.json(datasetView(await findDataset(c.req.param('id')))))
    .put('/api/datasets/:id/retention', noQuery, async (c) => {
      const { keep_versions } = await readJson(c.req.raw, RetentionBody);
      const { dataset_id } = await findDataset(c.req.param('id'));
      const rule = { keep_versions, decided_at: new Date().toISOString(), operator: operatorOf(c) };
      const dataset = await setRetention(dataset_id, rule, deps);
      // After a crash from here on, the next run of the dataset or a repeated request completes the removal.
      const removed = await ledger.removeOldVersions(dataset_id);
      await deleteRemovedAssets(deps, dataset_id);
      const removed_versions = removed.map(({ version }) => version).sort((a, b) => a - b);
      return c.json({ ...datasetView(dataset), removed_versions } satisfies RetentionView);
    });
}
