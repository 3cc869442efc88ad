import { randomBytes } from 'node:crypto';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { RunView } from '#shared/api/views.ts';
import type { Batch } from '../batch.ts';
import { exitCodeOfStatus } from '../exit-codes.ts';
import type { GatewayClient } from '../gateway-client.ts';
import { ingestBatch } from '../ingest-batch.ts';
import { errorJson, runJson } from '../json-output.ts';
import { createProgress } from '../progress.ts';
import { runCommand } from '../run-command.ts';
import type { Terminal } from '../terminal.ts';
import { showRun } from './runs.ts';

/** What makes the names of a batch new. */
export interface BatchMoment {
  now: Date;
  /** Hex digits. */
  random: string;
}

/** Bytes that make two batches of one second differ. */
const RANDOM_BYTES = 3;

/** Uploads a batch, follows its run, shows the asset. */
export function submitBatch(
  plan: (moment: BatchMoment) => Batch | Promise<Batch>,
  client: GatewayClient,
  terminal: Terminal,
): Promise<number> {
  const progress = createProgress(terminal);
  let batch: Batch | undefined;
  let last: RunView | undefined;
  return runCommand(
    async (signal) => {
      batch = await plan({ now: new Date(), random: randomBytes(RANDOM_BYTES).toString('hex') });
      try {
        for await (const view of ingestBatch(batch, client, progress, signal)) last = view;
      } finally {
        progress.end();
      }
      if (last === undefined)
        throw new SluiceError('BATCH_NOT_FOUND', `Sluice tells nothing of the batch ${batch.batchId}.`);
      showRun(last, terminal, { steps: false }); // The progress has told them.
      return exitCodeOfStatus(last.status);
    },
    terminal,
    {
      errorJson: (error) => (last ? runJson(last) : errorJson(error.toDocument(), batch?.batchId)),
      interrupted: () => interruptedText(batch, last),
    },
  );
}

function interruptedText(batch: Batch | undefined, last: RunView | undefined): string {
  if (last?.run_id) return `The run goes on. See it with: npx sluice run ${last.run_id}`;
  return batch === undefined
    ? 'Stopped. Nothing was uploaded.'
    : `Stopped. If the manifest ${batch.manifestKey} was uploaded, its run goes on: npx sluice runs`;
}
