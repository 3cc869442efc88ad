import { readFile } from 'node:fs/promises';
import type { Env } from '#shared/config/env.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { GatewayClient } from '../client/gateway-client.ts';
import { type IngestOptions, planBatch, TYPE_OF_INTENT } from '../input/batch.ts';
import { type JoinOptions, planJoinBatch } from '../input/join-batch.ts';
import {
  userName,
  type RasterFlags,
  rasterParameters,
  type TabularFlags,
  tabularParameters,
} from '../input/options.ts';
import { findSourceFiles } from '../input/source-files.ts';
import type { Terminal } from '../output/terminal.ts';
import { submitBatch } from './submit-batch.ts';

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
        type: TYPE_OF_INTENT[flags.intent ?? ''] ?? (hasCoordinates(flags) ? 'vector' : undefined),
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

/** A table with named coordinate columns is a layer of points. */
function hasCoordinates({ xColumn, yColumn, wktColumn }: IngestFlags): boolean {
  return [xColumn, yColumn, wktColumn].some((given) => given !== undefined);
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
