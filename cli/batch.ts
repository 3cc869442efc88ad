import { basename } from 'node:path';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { DATASET_ID, type Manifest, type ManifestFile, ManifestSchema } from '#shared/manifest/manifest.ts';
import type { FilePart, SourceFile } from './source-files.ts';

/** What a person asked for, besides the files. */
export interface IngestOptions {
  dataset: string;
  intent?: string | undefined;
  crs?: string | undefined;
  layer?: string | undefined;
  encoding?: string | undefined;
  xColumn?: string | undefined;
  yColumn?: string | undefined;
  wktColumn?: string | undefined;
  project?: string | undefined;
  description?: string | undefined;
  /** Make a new version although one of the same input exists. */
  force?: boolean | undefined;
  keepVersions?: number | undefined;
  uploader: string;
  batchId?: string | undefined;
}

/** What is uploaded: the files, then the manifest. */
export interface Batch {
  batchId: string;
  manifestKey: string;
  uploads: (FilePart & { key: string })[];
  manifest: Manifest;
}

const INTENT_OF_TYPE = { vector: 'ingest_vector', raster: 'ingest_raster', tabular: 'ingest_tabular' } as const satisfies Record<ManifestFile['type'], string>;
/** The type of the files when the intent fixes it: a CSV can be a table of points or a plain table. */
export const TYPE_OF_INTENT: Record<string, ManifestFile['type'] | undefined> = { ingest_vector: 'vector', ingest_raster: 'raster', ingest_tabular: 'tabular' };

/**
 * Plans the upload of files as one batch. `now` and `random` (hex digits) make names that were never used, so that nothing in the landing
 * zone is overwritten, not even by a repeat with the same --batch-id. Throws REQUEST_INVALID for a value that no manifest may hold.
 */
export function planBatch(files: SourceFile[], options: IngestOptions, { now, random, bucket }: { now: Date; random: string; bucket: string }): Batch {
  if (!DATASET_ID.safeParse(options.dataset).success) {
    throw new SluiceError('REQUEST_INVALID', `--dataset ${JSON.stringify(options.dataset)} must be 1 to 100 letters, digits, ".", "_" or "-", and begin with a letter or digit.`, { details: { option: '--dataset' } });
  }
  const batchId = options.batchId ?? `${options.dataset}-${compactTime(now)}-${random}`;
  const folder = options.batchId === undefined ? batchId : `${asName(options.batchId)}-${random}`;
  const folders = foldersFor(files, folder);
  const manifest = {
    batch_id: batchId,
    uploader: options.uploader,
    intent: options.intent ?? INTENT_OF_TYPE[files[0]?.type ?? 'vector'],
    files: files.map((file, index) => ({ path: `s3://${bucket}/${folders[index]}/${basename(file.path)}`, type: file.type, format: file.format, ...perFile(options) })),
    metadata: given({ project: options.project, description: options.description, tags: { dataset_id: options.dataset }, force: options.force, keep_versions: options.keepVersions }),
  };
  return {
    batchId,
    manifestKey: `manifests/${folder}.json`,
    uploads: files.flatMap((file, index) => file.parts.map((part) => ({ ...part, key: `${folders[index]}/${basename(part.path)}` }))),
    manifest: validManifest(manifest),
  };
}

function perFile({ crs, layer, encoding, xColumn, yColumn, wktColumn }: IngestOptions) {
  return given({ crs, layer, encoding, x_column: xColumn, y_column: yColumn, wkt_column: wktColumn });
}

function given<T extends object>(fields: T): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}

/** The folder of each file: one for all, unless two have the same name (`2023/roads.shp 2024/roads.shp`). */
function foldersFor(files: SourceFile[], folder: string): string[] {
  const names = files.map(({ path }) => basename(path).replace(/\.[^.]*$/, '').toLowerCase());
  return names.map((name, index) => (names.indexOf(name) === index ? folder : `${folder}/${index + 1}`));
}

/** `20250301T101530`: sorts by time. */
function compactTime(now: Date): string {
  return now.toISOString().replaceAll(/[-:]|\.\d+Z$/g, '');
}

/** A batch_id may hold `/`, `..` and anything else; the name of a folder may not. */
function asName(batchId: string): string {
  return batchId.replaceAll(/[^\p{L}\p{N}_-]+/gu, '_').slice(0, 64);
}

/** The options that a field of the manifest comes from, for messages. */
const OPTION_OF: Record<string, string> = { batch_id: '--batch-id', uploader: '--uploader', intent: '--intent', project: '--project', description: '--description', x_column: '--x-column', y_column: '--y-column', wkt_column: '--wkt-column' };

function validManifest(manifest: unknown): Manifest {
  const result = ManifestSchema.safeParse(manifest);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const field = String(issue?.path.findLast((part) => typeof part === 'string') ?? '');
  const option = OPTION_OF[field] ?? `--${field}`;
  throw new SluiceError('REQUEST_INVALID', `${field === 'path' ? 'A file name' : option}: ${issue?.message}.`, { details: { option } });
}
