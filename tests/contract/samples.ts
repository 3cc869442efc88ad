import { manifestKeyOf } from '#shared/contracts/object-keys.ts';
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { deterministicId, deterministicObjectId, makeEvent, type SluiceEvent } from '#shared/events/event.ts';
import type {
  AssetDocument,
  AssetDraft,
  LineageDocument,
  ManifestDocument,
  RunDocument,
} from '#shared/ledger/documents.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import { newDataset, newRun } from '#shared/ledger/new-run.ts';
import type { Manifest } from '#shared/manifest/manifest.ts';
import type { Lane, StepName } from '#shared/contracts/lanes.ts';
import type { ClaimRef } from '#shared/contracts/claim.ts';

/** Longer than any test, so that no claim expires. */
export const LEASE_SECONDS = 600;
export const OWNER = 'host-ä/boot/1/2';

const unique = () => randomBytes(6).toString('hex');
/** Names with characters that databases and URLs treat specially. */
export const newBatchId = () => `straße #1 "${unique()}" $set.a.b`;
export const newDatasetId = () => `dörfer.v1-${unique()}`;

export function sampleManifest(batchId: string, datasetId: string, tags: Record<string, unknown> = {}): Manifest {
  return {
    batch_id: batchId,
    uploader: 'ana müller',
    intent: 'ingest_vector',
    files: [
      {
        path: `s3://landing-zone/${batchId}/roads & rivers.zip`,
        type: 'vector',
        format: 'ESRI Shapefile',
        crs: 'EPSG:27700',
      },
    ],
    metadata: { tags: { dataset_id: datasetId, ...tags } },
  };
}

export interface Sample {
  manifest: ManifestDocument;
  run: RunDocument;
  dataset: ReturnType<typeof newDataset>;
}

/** A manifest to be admitted, with its run. */
export function sample(
  options: {
    batchId?: string;
    datasetId?: string;
    lane?: Lane;
    key?: string;
    tags?: Record<string, unknown>;
    content?: string;
  } = {},
): Sample {
  const { batchId = newBatchId(), datasetId = newDatasetId(), lane = 'vector', content = batchId } = options;
  const key = options.key ?? manifestKeyOf(batchId);
  const body = sampleManifest(batchId, datasetId, options.tags);
  const sha256 = deterministicId('content', content);
  const _id = deterministicObjectId('manifest', key, sha256);
  const run = newRun({ manifest: body, manifestId: _id, manifestKey: key, lane, datasetId, operator: 'ana müller' });
  const manifest: ManifestDocument = {
    _id,
    batch_id: batchId,
    claimed_batch_id: null,
    manifest_key: key,
    sha256,
    status: 'running',
    run_id: run.run_id,
    lane,
    body,
    raw: null,
    error: null,
    archive_key: null,
    created_at: run.created_at,
    updated_at: run.created_at,
  };
  return { manifest, run, dataset: newDataset(datasetId) };
}

/** The same manifest as a rejected one. */
export function rejected({ manifest }: Sample, raw: string): ManifestDocument {
  const error = { code: 'FILE_MISSING' as const, message: 'roads & rivers.zip is not there', details: {} };
  return {
    ...manifest,
    batch_id: null,
    claimed_batch_id: manifest.batch_id,
    status: 'failure',
    run_id: null,
    lane: null,
    body: null,
    raw,
    error,
  };
}

export async function admitted(ledger: Ledger, options: Parameters<typeof sample>[0] = {}): Promise<RunDocument> {
  const { manifest, run, dataset } = sample(options);
  await ledger.admitManifest(manifest, run, dataset);
  return run;
}

/** Claims a step that must be claimable. */
export async function claimed(
  ledger: Ledger,
  run: RunDocument,
  step: StepName,
  leaseSeconds = LEASE_SECONDS,
): Promise<ClaimRef> {
  const result = await ledger.claimStep({ runId: run.run_id, step, owner: OWNER, leaseSeconds });
  assert(result.outcome === 'claimed', `${step} is not free: ${result.outcome}`);
  return { runId: run.run_id, step, token: result.token };
}

export function sampleReply(run: RunDocument): SluiceEvent {
  return makeEvent('sluice.run.succeeded', run.run_id, { run_id: run.run_id });
}

export function sampleDraft(run: RunDocument, name = 'asset'): AssetDraft {
  const _id = deterministicObjectId(name, run.run_id);
  return {
    _id,
    dataset_id: run.dataset_id,
    kind: 'spatial',
    s3_key: `${run.dataset_id}/${run.run_id}/${name} é.parquet`,
    content_hash: deterministicId('content', _id),
    source_hash: deterministicId('source', run.batch_id),
    run_id: run._id,
    crs: 'EPSG:4326',
    bbox: [-3.5, 50.1, -3.4, 50.25],
    geometry_types: ['MultiPolygon'],
    row_count: 12,
    columns: [
      { name: 'größe', type: 'double precision' },
      { name: 'select', type: 'text' },
    ],
    size_bytes: 4096,
    quality: { null_geometries: 0, empty_geometries: 0, repaired_geometries: 1, notes: [] },
    recipe: { name: 'default', parameters: { simplify_tolerance: 0.00001 }, steps: ['NormalizeCRS'] },
    sources: [],
    iso: null,
    stac_key: null,
  };
}

/** Registers an asset and completes it. */
export async function wholeAsset(ledger: Ledger, claim: ClaimRef, draft: AssetDraft): Promise<AssetDocument> {
  const asset = await ledger.registerAsset(claim, draft);
  const description = { iso: { title: 'straße' }, stac_key: `${asset.dataset_id}/v${asset.version}.json` };
  await ledger.completeAsset(claim, asset._id, description);
  return { ...asset, ...description };
}

export function sampleEdge(
  run: RunDocument,
  assetId: string,
  path = 's3://landing-zone/roads & rivers.zip',
): LineageDocument {
  return {
    _id: deterministicObjectId('edge', assetId, path),
    asset_id: assetId,
    source: { kind: 'file', path, sha256: 'a'.repeat(64) },
    operation: 'ingest',
    recipe: 'default',
    parameters: { simplify_tolerance: 0.00001 },
    run_id: run.run_id,
    created_at: new Date().toISOString(),
  };
}
