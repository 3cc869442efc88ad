import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Inspection } from '#shared/contracts/inspection.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { inspectionCompleted, parseInspectionRequest } from '#shared/events/inspection.ts';
import {
  type ManifestFile,
  ManifestFileSchema,
  type TabularParameters,
  TabularParametersSchema,
} from '#shared/manifest/manifest.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { Context } from './context.ts';
import { scratchRoot } from './scratch.ts';

/** What a function needs to describe an uploaded file, without a run and a claim. */
export interface InspectionRequest extends Pick<Context, 'objects' | 'env' | 'gdal' | 'signal'> {
  file: ManifestFile;
  /** `metadata.tabular` of the future manifest. */
  tabular: TabularParameters;
  /** Receives the file, and is deleted afterwards. */
  folder: string;
}

/**
 * Answers the event INSPECTION_REQUESTED with the description of the file that it names. Nothing is stored. Throws
 * EVENT_INVALID, and the errors of `inspect`.
 */
export async function answerInspection(
  event: SluiceEvent,
  context: Context,
  inspect: (request: InspectionRequest) => Promise<Inspection>,
): Promise<SluiceEvent> {
  const data = parseInspectionRequest(event);
  const file = ManifestFileSchema.safeParse(data.file);
  const tabular = TabularParametersSchema.safeParse(data.tabular);
  if (!file.success || !tabular.success)
    throw new SluiceError('EVENT_INVALID', `The data of ${event.type} is not a file of a manifest.`, {
      details: { type: event.type },
    });
  await using scratch = await openInspectionFolder(context.env);
  const { objects, env, gdal, signal } = context;
  const inspection = await inspect({
    objects,
    env,
    gdal,
    signal,
    file: file.data,
    tabular: tabular.data,
    folder: scratch.folder,
  });
  return inspectionCompleted(event, inspection);
}

const PREFIX = 'inspection.';
/** An inspection takes seconds. A folder that is older was left by a process that was killed. */
const MAX_AGE_MS = 3_600_000;

/** Creates a scratch folder; disposing it deletes the folder. Deletes folders that killed processes left. */
async function openInspectionFolder(env: Context['env']): Promise<{ folder: string } & AsyncDisposable> {
  const root = scratchRoot(env);
  await mkdir(root, { recursive: true });
  for (const name of await readdir(root)) {
    if (!name.startsWith(PREFIX)) continue;
    const found = await stat(join(root, name)).catch(() => undefined);
    if (found !== undefined && Date.now() - found.mtimeMs > MAX_AGE_MS)
      await rm(join(root, name), { recursive: true, force: true });
  }
  const folder = join(root, `${PREFIX}${randomUUID()}`);
  await mkdir(folder);
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}
