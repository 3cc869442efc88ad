import { basename } from 'node:path';
import { INTENT_OF_LANE } from '#shared/contracts/lanes.ts';
import { manifestKeyOf } from '#shared/contracts/object-keys.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { BatchMoment } from '#shared/landing/batch-names.ts';
import { ObjectIdSchema } from '#shared/ledger/documents.ts';
import { fileFieldHasEffect } from '#shared/manifest/field-effects.ts';
import { DATASET_PREFIX, type Manifest, type ManifestFile } from '#shared/manifest/manifest.ts';
import { batchMetadata, type BatchOptions, definedFields, namesOf, validManifest } from './batch-manifest.ts';
import type { FilePart, LocalFile } from './source-files.ts';

/** The options of `sluice ingest`. */
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
  /** `metadata.recipe`, before validation. */
  recipe?: unknown;
}

/** The uploads of a batch: first the files, then the manifest. */
export interface Batch {
  batchId: string;
  manifestKey: string;
  uploads: (FilePart & { key: string })[];
  manifest: Manifest;
}

/** Plans the upload of files as one batch. Throws REQUEST_INVALID for an invalid option. */
export function planBatch(
  files: LocalFile[],
  options: IngestOptions,
  { bucket, ...moment }: BatchMoment & { bucket: string },
): Batch {
  const { batchId, folder } = namesOf(options, moment);
  const folders = foldersFor(files, folder);
  const manifest = {
    batch_id: batchId,
    uploader: options.uploader,
    intent: options.intent ?? INTENT_OF_LANE[files[0]?.type ?? 'vector'],
    files: withFields(
      files.map((file, index) => ({
        path: `s3://${bucket}/${folders[index]}/${basename(file.path)}`,
        type: file.type,
        format: file.format,
      })),
      options,
    ),
    metadata: {
      ...batchMetadata(options),
      ...definedFields({ recipe: options.recipe, tabular: options.tabular, raster: options.raster }),
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

/**
 * Adds the fields of the options to each file in which they have an effect. A field without an effect in any file is
 * added to all files, so that validManifest rejects its option.
 */
function withFields(files: ManifestFile[], options: IngestOptions): ManifestFile[] {
  const { crs, layer, encoding, xColumn, yColumn, wktColumn } = options;
  const fields = definedFields({ crs, layer, encoding, x_column: xColumn, y_column: yColumn, wkt_column: wktColumn });
  const all = files.map((file) => ({ ...file, ...fields }));
  return all.map((file) => {
    const unused = Object.keys(fields).filter((name) => {
      const field = name as keyof typeof fields;
      return !fileFieldHasEffect(field, file) && all.some((other) => fileFieldHasEffect(field, other));
    });
    return Object.fromEntries(Object.entries(file).filter(([name]) => !unused.includes(name))) as ManifestFile;
  });
}

/** The folder of each file: the same for all, unless two files have the same name (`2023/roads.shp 2024/roads.shp`). */
function foldersFor(files: LocalFile[], folder: string): string[] {
  const names = files.map(({ path }) =>
    basename(path)
      .replace(/\.[^.]*$/, '')
      .toLowerCase(),
  );
  return names.map((name, index) => (names.indexOf(name) === index ? folder : `${folder}/${index + 1}`));
}

/** The options of `sluice join`. */
export interface JoinOptions extends BatchOptions {
  /** `LEFT=RIGHT`, or one name for both keys. */
  on: string;
  how?: string | undefined;
  /** Comma-separated column names. */
  columns?: string | undefined;
  prefix?: string | undefined;
  allowDuplicates?: boolean | undefined;
}

/** Plans the join of two assets as a batch without files. Throws REQUEST_INVALID for an invalid option. */
export function planJoinBatch(spatial: string, tabular: string, options: JoinOptions, moment: BatchMoment): Batch {
  const { batchId, folder } = namesOf(options, moment);
  const manifest = {
    batch_id: batchId,
    uploader: options.uploader,
    intent: INTENT_OF_LANE.join,
    files: [],
    metadata: {
      ...batchMetadata(options),
      join_config: definedFields({
        spatial_asset_id: assetReference(spatial),
        tabular_asset_id: assetReference(tabular),
        ...keysOf(options.on),
        how: options.how,
        columns: options.columns?.split(',').map((name) => name.trim()),
        prefix: options.prefix,
        allow_duplicate_keys: options.allowDuplicates,
      }),
    },
  };
  return { batchId, manifestKey: manifestKeyOf(folder), uploads: [], manifest: validManifest(manifest) };
}

/** Any name that is not an asset id is the name of a dataset, and refers to its newest version. */
function assetReference(name: string): string {
  return ObjectIdSchema.safeParse(name).success || name.startsWith(DATASET_PREFIX) ? name : `${DATASET_PREFIX}${name}`;
}

function keysOf(on: string): { left_key: string; right_key: string } {
  const [left = '', right = left, ...more] = on.split('=').map((name) => name.trim());
  if (more.length === 0 && left !== '' && right !== '') return { left_key: left, right_key: right };
  const hint = more.length > 0 ? ' A column name with "=" can only be set in a manifest (metadata.join_config).' : '';
  throw new SluiceError(
    'REQUEST_INVALID',
    `--on ${JSON.stringify(on)} must be LEFT=RIGHT: a column of the spatial asset and one of the table.${hint}`,
    { details: { option: '--on' } },
  );
}
