import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { RunView } from '#shared/api/views.ts';
import type { Env } from '#shared/config/env.ts';
import { type FileType, laneOfIntent } from '#shared/contracts/lanes.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { BatchMoment } from '#shared/landing/batch-names.ts';
import { followRun, type GatewayClient } from '../gateway-client.ts';
import { exitCodeOfStatus, runCommand } from '../run-command.ts';
import { type Batch, type IngestOptions, planBatch, type JoinOptions, planJoinBatch } from '../input/batch.ts';
import {
  type RasterFlags,
  rasterParameters,
  type TabularFlags,
  tabularParameters,
  userName,
} from '../input/options.ts';
import { localPath } from '../input/local-names.ts';
import { findSourceFiles } from '../input/source-files.ts';
import { errorJson, runJson } from '../output/json-output.ts';
import { createProgress, type Progress } from '../output/progress.ts';
import type { Terminal } from '../output/terminal.ts';
import { showRun } from './runs.ts';

export interface IngestFlags
  extends Omit<IngestOptions, 'uploader' | 'recipe' | 'tabular' | 'raster'>, TabularFlags, RasterFlags {
  format?: string;
  uploader?: string;
  /** Path of a JSON file. */
  recipe?: string;
}

/** `sluice ingest FILE...`: uploads the files, follows the run, and shows the asset. */
export function ingest(
  paths: string[],
  flags: IngestFlags,
  env: Pick<Env, 'LANDING_BUCKET'>,
  client: GatewayClient,
  terminal: Terminal,
): Promise<number> {
  return submitBatch(
    async (moment) => {
      const files = await findSourceFiles(paths, {
        format: flags.format,
        type: fileTypeOf(flags),
      });
      const recipe = flags.recipe === undefined ? undefined : await readRecipeFile(flags.recipe);
      return planBatch(
        files,
        {
          ...flags,
          recipe,
          tabular: tabularParameters(flags),
          raster: rasterParameters(flags),
          uploader: flags.uploader ?? userName(),
        },
        { ...moment, bucket: env.LANDING_BUCKET },
      );
    },
    client,
    terminal,
  );
}

/** The type that the options require. A CSV can be a table or, with named coordinate columns, a layer of points. */
function fileTypeOf({ intent = '', xColumn, yColumn, wktColumn }: IngestFlags): FileType | undefined {
  const lane = laneOfIntent(intent);
  if (lane !== undefined && lane !== 'join') return lane;
  return [xColumn, yColumn, wktColumn].some((given) => given !== undefined) ? 'vector' : undefined;
}

/** Reads `metadata.recipe` of the manifest from a JSON file. Throws REQUEST_INVALID when the file is not valid. */
async function readRecipeFile(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as unknown;
  } catch (cause) {
    const problem =
      cause instanceof SyntaxError ? `is not JSON: ${cause.message}` : `cannot be read: ${(cause as Error).message}`;
    throw new SluiceError('REQUEST_INVALID', `--recipe ${path} ${problem}.`, {
      details: { option: '--recipe' },
      cause,
    });
  }
}

export interface JoinFlags extends Omit<JoinOptions, 'uploader'> {
  uploader?: string;
}

/** `sluice join SPATIAL TABULAR`: joins two assets, follows the run, and shows the new asset. */
export function join(
  spatial: string,
  tabular: string,
  flags: JoinFlags,
  client: GatewayClient,
  terminal: Terminal,
): Promise<number> {
  return submitBatch(
    (moment) => planJoinBatch(spatial, tabular, { ...flags, uploader: flags.uploader ?? userName() }, moment),
    client,
    terminal,
  );
}

/** Two batches of the same second differ in these bytes. */
const RANDOM_BYTES = 3;

/** Uploads a batch, follows its run to the end, and shows the asset. Returns the exit code. */
function submitBatch(
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
        await uploadBatch(batch, client, progress, signal);
        for await (last of followRun(client, eventsPath(batch), signal)) progress.run(last);
      } finally {
        progress.end();
      }
      if (last === undefined)
        throw new SluiceError('BATCH_NOT_FOUND', `The gateway returned no state of the batch ${batch.batchId}.`);
      showRun(last, terminal, { steps: false, batch }); // The progress display has shown the steps.
      return exitCodeOfStatus(last.status);
    },
    terminal,
    {
      errorJson: (error) => (last ? runJson(last) : errorJson(error.toDocument(), batch?.batchId)),
      interrupted: () => interruptedText(batch, last),
    },
  );
}

/** Uploads the files, then the manifest: a run must not start before its files are complete. */
async function uploadBatch(batch: Batch, client: GatewayClient, progress: Progress, signal: AbortSignal) {
  const total = batch.uploads.reduce((sum, { size }) => sum + size, 0);
  let sent = 0;
  for (const { path, key, size } of batch.uploads) {
    const onSent = (bytes: number) => progress.uploading(sent + bytes, total);
    await client.uploadFile(key, path, { signal, onSent }).catch((thrown: unknown) => {
      throw nameFile(thrown, path);
    });
    sent += size;
  }
  await client.uploadText(batch.manifestKey, `${JSON.stringify(batch.manifest, undefined, 2)}\n`, signal);
  progress.uploaded(batch.uploads.length, total);
}

/** The error about an upload that is too large, with the path of the file. */
function nameFile(thrown: unknown, path: string): unknown {
  if (!(thrown instanceof SluiceError) || thrown.code !== 'FILE_TOO_LARGE') return thrown;
  const file = localPath(path);
  return new SluiceError(thrown.code, `${file}: ${thrown.message}`, { details: { ...thrown.details, file } });
}

function eventsPath({ batchId, manifestKey }: Batch): string {
  return `/api/batches/${encodeURIComponent(batchId)}/events?${new URLSearchParams({ manifest_key: manifestKey })}`;
}

function interruptedText(batch: Batch | undefined, last: RunView | undefined): string {
  if (last?.run_id) return `Interrupted. The run continues. To show it: npx sluice run ${last.run_id}`;
  if (batch === undefined) return 'Interrupted. Nothing was uploaded.';
  const condition = `If the manifest ${batch.manifestKey} was uploaded, its run continues.`;
  return `Interrupted. ${condition} To list runs: npx sluice runs`;
}
