import type { Env } from '#shared/config/env.ts';
import { type IngestOptions, planBatch, TYPE_OF_INTENT } from '../batch.ts';
import type { GatewayClient } from '../gateway-client.ts';
import { type RasterFlags, rasterParameters } from '../raster-options.ts';
import { readRecipeFile } from '../recipe-file.ts';
import { findSourceFiles } from '../source-files.ts';
import { type TabularFlags, tabularParameters } from '../tabular-options.ts';
import type { Terminal } from '../terminal.ts';
import { userName } from '../user-name.ts';
import { submitBatch } from './submit-batch.ts';

export interface IngestFlags
  extends Omit<IngestOptions, 'uploader' | 'recipe' | 'tabular' | 'raster'>, TabularFlags, RasterFlags {
  format?: string;
  uploader?: string;
  /** A JSON file. */
  recipe?: string;
}

/** `sluice ingest FILE...`: uploads, follows the run, shows the asset. */
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

/** A table of which someone names the coordinates is a layer of points. */
function hasCoordinates({ xColumn, yColumn, wktColumn }: IngestFlags): boolean {
  return [xColumn, yColumn, wktColumn].some((given) => given !== undefined);
}
