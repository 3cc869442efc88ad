import { manifestKeyOf } from '#shared/contracts/object-keys.ts';
import { basename } from 'node:path';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { Manifest, ManifestFile } from '#shared/manifest/manifest.ts';
import { batchMetadata, batchNames, type BatchOptions, given, validManifest } from './batch-manifest.ts';
import type { FilePart, SourceFile } from './source-files.ts';

/** What a person asked for, besides the files. */
export interface IngestOptions extends BatchOptions {
  intent?: string | undefined;
  crs?: string | undefined;
  layer?: string | undefined;
  encoding?: string | undefined;
  xColumn?: string | undefined;
  yColumn?: string | undefined;
  wktColumn?: string | undefined;
  tabular?: Manifest['metadata']['tabular'];
  raster?: Partial<NonNullable<Manifest['metadata']['raster']>> | undefined;
  /** `metadata.recipe`, not yet checked. */
  recipe?: unknown;
}

/** What is uploaded: the files, then the manifest. */
export interface Batch {
  batchId: string;
  manifestKey: string;
  uploads: (FilePart & { key: string })[];
  manifest: Manifest;
}

const INTENT_OF_TYPE = {
  vector: 'ingest_vector',
  raster: 'ingest_raster',
  tabular: 'ingest_tabular',
} as const satisfies Record<ManifestFile['type'], string>;
/** The type of the files when the intent fixes it: a CSV can be a table of points or a plain table. */
export const TYPE_OF_INTENT: Record<string, ManifestFile['type'] | undefined> = {
  ingest_vector: 'vector',
  ingest_raster: 'raster',
  ingest_tabular: 'tabular',
};

/**
 * Plans the upload of files as one batch, under names that were never used (batchNames). Throws REQUEST_INVALID for a value that no manifest may hold.
 */
export function planBatch(
  files: SourceFile[],
  options: IngestOptions,
  { now, random, bucket }: { now: Date; random: string; bucket: string },
): Batch {
  const other = options.raster === undefined ? undefined : files.find((file) => file.type !== 'raster');
  if (other !== undefined)
    throw new SluiceError(
      'REQUEST_INVALID',
      `${other.path} is a ${other.type} file, but options for rasters were given.`,
      { details: { file: other.path, options: Object.keys(options.raster ?? {}) } },
    );
  const { batchId, folder } = batchNames(options, { now, random });
  const folders = foldersFor(files, folder);
  const manifest = {
    batch_id: batchId,
    uploader: options.uploader,
    intent: options.intent ?? INTENT_OF_TYPE[files[0]?.type ?? 'vector'],
    files: files.map((file, index) => ({
      path: `s3://${bucket}/${folders[index]}/${basename(file.path)}`,
      type: file.type,
      format: file.format,
      ...perFile(options),
    })),
    metadata: {
      ...batchMetadata(options),
      ...given({ recipe: options.recipe, tabular: options.tabular, raster: options.raster }),
    },
  };
  return {
    batchId,
    manifestKey: manifestKeyOf(folder),
    uploads: files.flatMap((file, index) =>
      file.parts.map((part) => ({ ...part, key: `${folders[index]}/${basename(part.path)}` })),
    ),
    manifest: validManifest(manifest),
  };
}

function perFile({ crs, layer, encoding, xColumn, yColumn, wktColumn }: IngestOptions) {
  return given({ crs, layer, encoding, x_column: xColumn, y_column: yColumn, wkt_column: wktColumn });
}

/** The folder of each file: one for all, unless two have the same name (`2023/roads.shp 2024/roads.shp`). */
function foldersFor(files: SourceFile[], folder: string): string[] {
  const names = files.map(({ path }) =>
    basename(path)
      .replace(/\.[^.]*$/, '')
      .toLowerCase(),
  );
  return names.map((name, index) => (names.indexOf(name) === index ? folder : `${folder}/${index + 1}`));
}
