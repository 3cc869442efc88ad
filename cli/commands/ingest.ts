import { env } from '#shared/config/env.ts';
import { type IngestOptions, planBatch, TYPE_OF_INTENT } from '../batch.ts';
import { readRecipeFile } from '../recipe-file.ts';
import { findSourceFiles } from '../source-files.ts';
import type { Terminal } from '../terminal.ts';
import { userName } from '../user-name.ts';
import { submitBatch } from './submit-batch.ts';

export interface IngestFlags extends Omit<IngestOptions, 'uploader' | 'recipe'> {
  format?: string;
  uploader?: string;
  /** A JSON file. */
  recipe?: string;
}

/** `sluice ingest FILE...`: uploads, follows the run, shows the asset. */
export function ingest(paths: string[], flags: IngestFlags, url: string, terminal: Terminal): Promise<number> {
  return submitBatch(async (moment) => {
    const files = await findSourceFiles(paths, { format: flags.format, type: TYPE_OF_INTENT[flags.intent ?? ''] });
    const recipe = flags.recipe === undefined ? undefined : await readRecipeFile(flags.recipe);
    return planBatch(files, { ...flags, recipe, uploader: flags.uploader ?? userName() }, { ...moment, bucket: env.LANDING_BUCKET });
  }, url, terminal);
}
