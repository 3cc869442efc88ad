import { manifestKeyOf } from '#shared/contracts/object-keys.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { ObjectIdSchema } from '#shared/ledger/documents.ts';
import { DATASET_PREFIX } from '#shared/manifest/manifest.ts';
import type { Batch } from './batch.ts';
import { batchMetadata, batchNames, type BatchOptions, definedFields, validManifest } from './batch-manifest.ts';

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
export function planJoinBatch(
  spatial: string,
  tabular: string,
  options: JoinOptions,
  { now, random }: { now: Date; random: string },
): Batch {
  const { batchId, folder } = batchNames(options, { now, random });
  const manifest = {
    batch_id: batchId,
    uploader: options.uploader,
    intent: 'join_datasets',
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
