import { randomBytes } from 'node:crypto';
import { env } from '#shared/config/env.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { RunView } from '../../gateway/views.ts';
import { type Batch, type IngestOptions, planBatch, TYPE_OF_INTENT } from '../batch.ts';
import { exitCodeOfStatus } from '../exit-codes.ts';
import { GatewayClient } from '../gateway-client.ts';
import { ingestBatch } from '../ingest-batch.ts';
import { errorJson, runJson } from '../json-output.ts';
import { createProgress } from '../progress.ts';
import { runCommand } from '../run-command.ts';
import { findSourceFiles } from '../source-files.ts';
import type { Terminal } from '../terminal.ts';
import { userName } from '../user-name.ts';
import { showRun } from './runs.ts';

export interface IngestFlags extends Omit<IngestOptions, 'uploader'> {
  format?: string;
  uploader?: string;
}

/** Bytes that make two batches of one second differ. */
const RANDOM_BYTES = 3;

/** `sluice ingest FILE...`: uploads, follows the run, shows the asset. */
export function ingest(paths: string[], flags: IngestFlags, url: string, terminal: Terminal): Promise<number> {
  const progress = createProgress(terminal);
  let batch: Batch | undefined;
  let last: RunView | undefined;
  return runCommand(async (_, signal) => {
    const files = await findSourceFiles(paths, { format: flags.format, type: TYPE_OF_INTENT[flags.intent ?? ''] });
    batch = planBatch(files, { ...flags, uploader: flags.uploader ?? userName() }, { now: new Date(), random: randomBytes(RANDOM_BYTES).toString('hex'), bucket: env.LANDING_BUCKET });
    try {
      for await (const view of ingestBatch(batch, new GatewayClient(url), progress, signal)) last = view;
    } finally {
      progress.end();
    }
    if (last === undefined) throw new SluiceError('BATCH_NOT_FOUND', `Sluice tells nothing of the batch ${batch.batchId}.`);
    showRun(last, terminal, { steps: false }); // The progress has told them.
    return exitCodeOfStatus(last.status);
  }, terminal, {
    errorJson: (error) => (last ? runJson(last) : errorJson(error.toDocument(), batch?.batchId)),
    interrupted: () => interruptedText(batch, last),
  });
}

function interruptedText(batch: Batch | undefined, last: RunView | undefined): string {
  if (last?.run_id) return `The run goes on. See it with: npx sluice run ${last.run_id}`;
  return batch === undefined ? 'Stopped. Nothing was uploaded.' : `Stopped. If the manifest ${batch.manifestKey} was uploaded, its run goes on: npx sluice runs`;
}
