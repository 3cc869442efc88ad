import { manifestKeyOf } from '#shared/contracts/object-keys.ts';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { makeEvent, type SluiceEvent } from '#shared/events/event.ts';
import type { AssetDraft, RunDocument } from '#shared/ledger/documents.ts';
import type { Context } from '#shared/runtime/context.ts';
import { withClaim } from '#shared/runtime/with-claim.ts';
import type { StepName } from '#shared/contracts/lanes.ts';
import { handler as validateManifest } from '../functions/validate-manifest/handler.ts';
import { putManifest, uploadEvent, vectorManifest } from './function-context.ts';
import { assetDraft } from './fixtures/documents.ts';

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
  assert(requested !== undefined && run !== undefined, `Batch ${batchId} was not admitted.`);
  return { run, requested, manifestKey };
}

/** Claims a step of the run, calls `work` instead of the function, and records the event that it returns. */
export function doStep(
  context: Context,
  runId: string,
  step: StepName,
  work: (claim: { runId: string; step: StepName; token: number; run: RunDocument }) => Promise<SluiceEvent | undefined>,
): Promise<SluiceEvent | undefined> {
  return withClaim(context, { runId, step }, work);
}

/** The bytes of the asset. They are not a GeoParquet file, because no test reads them as one. */
const CONTENT = 'data';

/** Stores and registers an asset of the run as export-geoparquet does. Returns the event of export-geoparquet. */
export async function exportAsset(
  context: Context,
  run: RunDocument,
  fields: Partial<AssetDraft> = {},
): Promise<SluiceEvent> {
  for (const step of ['load-to-postgis', 'transform-recipe'] as const)
    await doStep(context, run.run_id, step, async () => undefined);
  const reply = await doStep(context, run.run_id, 'export-geoparquet', async (claim) => {
    const draft = assetDraft(run, {
      content_hash: createHash('sha256').update(CONTENT).digest('hex'),
      size_bytes: CONTENT.length,
      sources: run.manifest.files.map(({ path, format }) => ({
        path,
        sha256: 'c'.repeat(64),
        size_bytes: 4,
        format,
        layer: null,
        crs: 'EPSG:27700',
        row_count: 3,
      })),
      ...fields,
    });
    const { _id, s3_key, content_hash } = draft;
    await context.objects.put('data-lake', s3_key, CONTENT, {
      metadata: { mongodb_doc_id: _id, run_id: run._id, content_hash },
    });
    await context.ledger.registerAsset(claim, draft);
    return makeEvent('sluice.asset.exported', run.run_id, { run_id: run.run_id, asset_ids: [_id], reused: false });
  });
  assert(reply !== undefined, 'The export recorded no reply.');
  return reply;
}
