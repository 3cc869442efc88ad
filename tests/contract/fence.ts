import { describe, expect, test } from 'vitest';
import type { RunDocument } from '#shared/ledger/documents.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import type { StepName } from '#shared/contracts/lanes.ts';
import type { ClaimRef } from '#shared/contracts/statuses.ts';
import type { OpenedLedger } from './opened-ledger.ts';
import { admitBatch } from '../fixtures/documents.ts';
import { claimed, LEASE_SECONDS, OWNER, sampleDraft, sampleEdge, sampleReply } from './samples.ts';

interface Scene {
  run: RunDocument;
  /** The claim of the worker that lost it. */
  stale: ClaimRef;
  /** An asset of the run that was registered before the claim became stale. */
  assetId: string;
}

const ERROR = { code: 'INTERNAL' as const, message: 'error of a stale worker', details: {} };
const DESCRIPTION = { iso: { title: 'stale' }, item_key: 'stale.json' };

/** Every operation that needs a claim. `refused` is its result for a stale claim. */
const FENCED: [
  name: string,
  operation: (ledger: Ledger, scene: Scene) => Promise<unknown>,
  refused: 'throws' | false | undefined,
][] = [
  ['renewClaim', (ledger, { stale }) => ledger.renewClaim(stale, LEASE_SECONDS), false],
  ['finishStep', (ledger, { stale, run }) => ledger.finishStep(stale, sampleReply(run)), 'throws'],
  [
    'finishStep that closes the run',
    (ledger, { stale, run }) => ledger.finishStep(stale, sampleReply(run), 'success'),
    'throws',
  ],
  ['releaseStep', (ledger, { stale }) => ledger.releaseStep(stale, ERROR), undefined],
  [
    'registerAsset of a new asset',
    (ledger, { stale, run }) => ledger.registerAsset(stale, sampleDraft(run, 'late')),
    'throws',
  ],
  [
    'registerAsset of a stored asset',
    (ledger, { stale, run }) => ledger.registerAsset(stale, sampleDraft(run)),
    'throws',
  ],
  ['linkAsset', (ledger, { stale, assetId }) => ledger.linkAsset(stale, assetId), 'throws'],
  ['describeAsset', (ledger, { stale, assetId }) => ledger.describeAsset(stale, assetId, DESCRIPTION), 'throws'],
  [
    'insertLineage',
    (ledger, { stale, run, assetId }) => ledger.insertLineage(stale, [sampleEdge(run, assetId)]),
    'throws',
  ],
];

/** The ways in which a worker loses its claim. */
const LOSSES: [name: string, lose: (ledger: Ledger, claim: ClaimRef) => Promise<ClaimRef>][] = [
  [
    'was taken over',
    async (ledger, claim) => {
      await ledger.claimStep({
        runId: claim.runId,
        step: claim.step,
        owner: 'successor',
        leaseSeconds: LEASE_SECONDS,
        takeOverFrom: OWNER,
      });
      return claim;
    },
  ],
  [
    'was taken over and finished',
    async (ledger, claim) => {
      await ledger.claimStep({
        runId: claim.runId,
        step: claim.step,
        owner: 'successor',
        leaseSeconds: LEASE_SECONDS,
        takeOverFrom: OWNER,
      });
      await ledger.finishStep({ ...claim, token: claim.token + 1 }, null);
      return claim;
    },
  ],
  [
    'was given back',
    async (ledger, claim) => {
      await ledger.releaseStep(claim, { code: 'FILE_UNREADABLE', message: 'damaged', details: {} });
      return claim;
    },
  ],
  [
    'belongs to a run that was canceled',
    async (ledger, claim) => {
      await ledger.endRun(claim.runId, 'canceled', null);
      return claim;
    },
  ],
  [
    'belongs to a run that failed',
    async (ledger, claim) => {
      await ledger.endRun(claim.runId, 'failure', { code: 'FILE_UNREADABLE', message: 'damaged', details: {} });
      return claim;
    },
  ],
  ['names a token that was never given', async (_ledger, claim) => ({ ...claim, token: claim.token + 1 })],
  ['names another step', async (_ledger, claim) => ({ ...claim, step: 'record-lineage' })],
];

export function fenceContract(on: OpenedLedger): void {
  const STEP: StepName = 'export-geoparquet';

  /** All documents that a stale write could change. */
  const state = async ({ run, assetId }: Scene) => ({
    run: await on.second.getRun(run.run_id),
    assets: await on.second.listAssets({ dataset_id: run.dataset_id }),
    datasets: (await on.second.listDatasets()).filter((dataset) => dataset.dataset_id === run.dataset_id),
    lineage: await on.second.listLineage(assetId),
  });

  describe.each(LOSSES)('a claim that %s cannot write', (_loss, lose) => {
    test.each(FENCED)('%s', async (_name, operation, refused) => {
      const run = await admitBatch(on.ledger);
      const claim = await claimed(on.ledger, run, STEP);
      const asset = await on.ledger.registerAsset(claim, sampleDraft(run));
      const scene = { run, assetId: asset._id, stale: await lose(on.ledger, claim) };
      const before = await state(scene);
      if (refused === 'throws')
        await expect(operation(on.ledger, scene)).rejects.toMatchObject({ code: 'CLAIM_STALE' });
      else expect(await operation(on.ledger, scene)).toBe(refused);
      expect(await state(scene)).toEqual(before);
    });
  });

  test('a write concurrent with the end of its run is complete before it or is rejected', async () => {
    for (let round = 0; round < 20; round++) {
      const run = await admitBatch(on.ledger);
      const claim = await claimed(on.ledger, run, STEP);
      const [registered] = await Promise.allSettled([
        on.ledger.registerAsset(claim, sampleDraft(run)),
        on.second.endRun(run.run_id, 'canceled', null),
      ]);
      const stored = await on.ledger.getRun(run.run_id);
      expect(stored?.asset_ids).toEqual(registered.status === 'fulfilled' ? [registered.value._id] : []);
      expect(await on.ledger.listAssets({ dataset_id: run.dataset_id })).toHaveLength(stored?.asset_ids.length ?? -1);
    }
  });
}
