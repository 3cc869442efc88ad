import assert from 'node:assert/strict';
import type { Ledger } from '#shared/ledger/ledger.ts';
import type { AssetDraft } from '#shared/ledger/documents.ts';
import type { StepName } from '#shared/contracts/lanes.ts';
import type { ClaimRef } from '#shared/contracts/statuses.ts';
import type { Opener } from './opened-ledger.ts';

/** The work that tests/contract/processes.ts starts in another process. */
export type Job =
  | { kind: 'claim'; runId: string; step: StepName; claimers: number; name: string }
  | { kind: 'register'; work: { claim: ClaimRef; draft: AssetDraft }[] };
/** Outcomes of claims, or versions. */
export type JobResult = (string | number)[];

const opener = JSON.parse(process.argv[2] ?? '') as Opener;
const opening = ((await import(opener.module)) as Record<string, (url: string) => Promise<Ledger>>)[opener.function];
assert(opening !== undefined, `${opener.module} does not export ${opener.function}`);
const ledger = await opening(opener.url);

process.on('message', (job: Job) => {
  void perform(job).then((result) => process.send?.(result));
});
process.on('disconnect', () => void ledger.close());
process.send?.('ready');

function perform(job: Job): Promise<JobResult> {
  if (job.kind === 'register')
    return Promise.all(job.work.map(async ({ claim, draft }) => (await ledger.registerAsset(claim, draft)).version));
  return Promise.all(
    Array.from({ length: job.claimers }, async (_, index) => {
      const result = await ledger.claimStep({
        runId: job.runId,
        step: job.step,
        owner: `${job.name}/${index}`,
        leaseSeconds: 600,
      });
      return result.outcome;
    }),
  );
}
