import { Hono } from 'hono';
import { z } from 'zod';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { finishRemovals } from '#shared/assets/purge.ts';
import { setRetention } from '#shared/assets/retention.ts';
import { DATASET_ID, KeepVersionsSchema } from '#shared/manifest/manifest.ts';
import type { GatewayDeps } from '../deps.ts';
import { readJson } from '../http/json-body.ts';
import { OPERATOR_HEADER, operatorOf } from '../http/operator-header.ts';
import { datasetView, type RetentionView } from '#shared/api/views.ts';
import { noQuery } from '../http/request-fields.ts';

const RetentionBody = z.strictObject({ keep_versions: KeepVersionsSchema.nullable() });

/**
 * GET /api/datasets: DatasetView[]. GET /api/datasets/:id: DatasetView; 404 DATASET_NOT_FOUND.
 * PUT /api/datasets/:id/retention `{keep_versions}`: how many of the newest versions stay from now on, null for all; the header X-Operator
 * says who decides. Removes at once what the rule does not keep, and answers a RetentionView; 404 DATASET_NOT_FOUND.
 */
export function datasetRoutes(deps: Pick<GatewayDeps, 'ledger' | 'objects' | 'env' | 'log'>): Hono {
  const { ledger } = deps;
  const findDataset = async (id: string) => {
    const dataset = DATASET_ID.safeParse(id).success ? await ledger.getDataset(id) : undefined;
    if (dataset === undefined)
      throw new SluiceError('DATASET_NOT_FOUND', `There is no dataset ${JSON.stringify(id)}.`, {
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
      const dataset = await setRetention(
        dataset_id,
        { keep_versions, decided_at: new Date().toISOString(), operator: operatorOf(c.req.header(OPERATOR_HEADER)) },
        deps,
      );
      // A crash from here on leaves the rest to the dataset's next run, or to this request once more.
      const removed = await ledger.removeOldVersions(dataset_id);
      await finishRemovals(deps, dataset_id);
      return c.json({
        ...datasetView(dataset),
        removed_versions: removed.map(({ version }) => version).sort((a, b) => a - b),
      } satisfies RetentionView);
    });
}
