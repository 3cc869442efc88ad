import assert from 'node:assert/strict';
import { deterministicObjectId, makeEvent, type SluiceEvent } from '#shared/events/event.ts';
import type {
  AssetDocument,
  AssetDraft,
  LineageDocument,
  ManifestDocument,
  RunDocument,
} from '#shared/ledger/documents.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import type { StepName } from '#shared/contracts/lanes.ts';
import type { ClaimRef } from '#shared/contracts/statuses.ts';
import { assetDraft, type Batch } from '../fixtures/documents.ts';

/** Longer than any test, so that no claim expires. */
export const LEASE_SECONDS = 600;
export const OWNER = 'host-ä/boot/1/2';

/** The document of the same manifest when it is rejected. */
export function rejected({ manifest }: Batch, raw: string): ManifestDocument {
  const error = {
    code: 'FILE_MISSING' as const,
    message: 'The object s3://landing-zone/roads & rivers.zip does not exist.',
    details: {},
  };
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

/** Finishes the steps before the claimed one, and claims it. */
export async function claimed(
  ledger: Ledger,
  run: RunDocument,
  step: StepName,
  leaseSeconds = LEASE_SECONDS,
): Promise<ClaimRef> {
  if (step !== 'archive') await finishStepsBefore(ledger, run, step);
  const result = await ledger.claimStep({ runId: run.run_id, step, owner: OWNER, leaseSeconds });
  assert(result.outcome === 'claimed', `The outcome of the claim of ${step} is ${result.outcome}.`);
  return { runId: run.run_id, step, token: result.token };
}

async function finishStepsBefore(ledger: Ledger, run: RunDocument, step: StepName): Promise<void> {
  for (const { name } of run.steps.slice(
    0,
    run.steps.findIndex((each) => each.name === step),
  )) {
    const earlier = name as StepName;
    const result = await ledger.claimStep({ runId: run.run_id, step: earlier, owner: OWNER, leaseSeconds: 60 });
    if (result.outcome === 'claimed')
      await ledger.finishStep({ runId: run.run_id, step: earlier, token: result.token }, sampleReply(run));
  }
}

export function sampleReply(run: RunDocument): SluiceEvent {
  return makeEvent('sluice.run.succeeded', run.run_id, { run_id: run.run_id });
}

/** The draft of an asset whose `_id` is derived from the run and `name`. */
export function sampleDraft(run: RunDocument, name = 'asset'): AssetDraft {
  return assetDraft(run, { _id: deterministicObjectId(name, run.run_id) });
}

/** Registers and describes an asset. The success of its run completes it. */
export async function registerDescribedAsset(
  ledger: Ledger,
  claim: ClaimRef,
  draft: AssetDraft,
): Promise<AssetDocument> {
  const asset = await ledger.registerAsset(claim, draft);
  const description = { iso: { title: 'straße' }, item_key: `${asset.dataset_id}/v${asset.version}.json` };
  await ledger.describeAsset(claim, asset._id, description);
  return { ...asset, ...description };
}

/** Registers assets and ends their run with success, which completes them. Returns the complete assets. */
export async function succeedWith(ledger: Ledger, claim: ClaimRef, drafts: AssetDraft[]): Promise<AssetDocument[]> {
  const described: AssetDocument[] = [];
  for (const draft of drafts) described.push(await registerDescribedAsset(ledger, claim, draft));
  await ledger.finishStep(claim, null, 'success');
  return described.map(({ item_key, ...asset }) => ({ ...asset, stac_key: item_key ?? null }));
}

/** As succeedWith, with one asset. */
export async function registerCompleteAsset(
  ledger: Ledger,
  claim: ClaimRef,
  draft: AssetDraft,
): Promise<AssetDocument> {
  const [asset] = await succeedWith(ledger, claim, [draft]);
  assert(asset !== undefined, 'No asset was registered.');
  return asset;
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
