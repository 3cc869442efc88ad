import { manifestKeyOf } from '#shared/contracts/object-keys.ts';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { deterministicObjectId, makeEvent } from '#shared/events/event.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import type { AssetDraft, RunDocument } from '#shared/ledger/documents.ts';
import type { Context } from '#shared/runtime/context.ts';
import { withClaim } from '#shared/runtime/with-claim.ts';
import type { StepName } from '#shared/contracts/lanes.ts';
import { handler as validateManifest } from '../functions/validate-manifest/handler.ts';
import { putManifest, uploadEvent, vectorManifest } from './function-context.ts';

/** Admits a batch through validate-manifest, and returns its run and the event that starts it. */
export async function startRun(
  context: Context,
  batchId: string,
  fields: object = {},
): Promise<{ run: RunDocument; requested: SluiceEvent; manifestKey: string }> {
  const manifestKey = manifestKeyOf(batchId);
  const file = `${batchId}/roads é.zip`;
  await putManifest(context, manifestKey, vectorManifest(batchId, file, fields), [file]);
  const requested = await validateManifest(uploadEvent(manifestKey), context);
  const run = await context.ledger.getRun(requested?.subject ?? '');
  assert(requested !== undefined && run !== undefined, `The batch ${batchId} was not admitted.`);
  return { run, requested, manifestKey };
}

/** Does a step of the run without its work: claimed, `work` called, the reply recorded. */
export function doStep(
  context: Context,
  runId: string,
  step: StepName,
  work: (claim: { runId: string; step: StepName; token: number; run: RunDocument }) => Promise<SluiceEvent | undefined>,
): Promise<SluiceEvent | undefined> {
  return withClaim(context, { runId, step }, work);
}

/** What stands in for a GeoParquet file. */
const CONTENT = 'data';

/** Puts an object into the lake and registers it as the run's asset, as an export does. Returns the event that follows. */
export async function exportAsset(
  context: Context,
  run: RunDocument,
  fields: Partial<AssetDraft> = {},
): Promise<SluiceEvent> {
  const key = `${run.dataset_id}/${run.run_id}/asset.parquet`;
  const _id = deterministicObjectId('asset', run.run_id);
  for (const step of ['load-to-postgis', 'transform-recipe'] as const)
    await doStep(context, run.run_id, step, async () => undefined);
  const reply = await doStep(context, run.run_id, 'export-geoparquet', async (claim) => {
    const draft: AssetDraft = {
      _id,
      dataset_id: run.dataset_id,
      kind: 'spatial',
      s3_key: key,
      content_hash: createHash('sha256').update(CONTENT).digest('hex'),
      source_hash: 'b'.repeat(64),
      run_id: run._id,
      crs: 'EPSG:4326',
      bbox: [-1, 50, 1.5, 52],
      geometry_types: ['Polygon'],
      row_count: 3,
      columns: [{ name: 'größe', type: 'double precision' }],
      size_bytes: 4,
      quality: { null_geometries: 0, empty_geometries: 0, repaired_geometries: 1, notes: [] },
      recipe: { name: 'default', parameters: { simplify_tolerance: 0.00001 }, steps: ['NormalizeCRS', 'MakeValid'] },
      sources: [
        {
          path: run.manifest.files[0]?.path ?? '',
          sha256: 'c'.repeat(64),
          size_bytes: 4,
          format: 'ESRI Shapefile',
          layer: null,
          crs: 'EPSG:27700',
          row_count: 3,
        },
      ],
      iso: null,
      stac_key: null,
      ...fields,
    };
    await context.objects.put('data-lake', key, CONTENT, {
      metadata: { mongodb_doc_id: _id, run_id: run._id, content_hash: draft.content_hash },
    });
    await context.ledger.registerAsset(claim, draft);
    return makeEvent('sluice.asset.exported', run.run_id, { run_id: run.run_id, asset_ids: [_id], reused: false });
  });
  assert(reply !== undefined, 'The export recorded no reply.');
  return reply;
}
