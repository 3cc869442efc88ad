import { manifestKeyOf } from '#shared/contracts/object-keys.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { ObjectIdSchema } from '#shared/ledger/documents.ts';
import type { Batch } from './batch.ts';
import { batchMetadata, batchNames, type BatchOptions, given, validManifest } from './batch-manifest.ts';

/** What a person asked for. */
export interface JoinOptions extends BatchOptions {
  /** `LEFT=RIGHT`, or the one name that both keys have. */
  on: string;
  how?: string | undefined;
  /** Names of columns, comma-separated. */
  columns?: string | undefined;
  prefix?: string | undefined;
  allowDuplicates?: boolean | undefined;
}

/** Plans the join of two assets as a batch without files. Throws REQUEST_INVALID for a value that no manifest may hold. */
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
      join_config: given({
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

const DATASET_PREFIX = 'dataset:';

/** An asset id stays; any other name is a dataset, of which the newest version is meant. */
function assetReference(name: string): string {
  return ObjectIdSchema.safeParse(name).success || name.startsWith(DATASET_PREFIX) ? name : `${DATASET_PREFIX}${name}`;
}

function keysOf(on: string): { left_key: string; right_key: string } {
  const [left = '', right = left, ...more] = on.split('=').map((name) => name.trim());
  if (more.length === 0 && left !== '' && right !== '') return { left_key: left, right_key: right };
  const hint = more.length > 0 ? ' A name that holds "=" can only be given in a manifest (metadata.join_config).' : '';
  throw new SluiceError(
    'REQUEST_INVALID',
    `--on ${JSON.stringify(on)} must be LEFT=RIGHT: a column of the spatial asset and one of the table.${hint}`,
    { details: { option: '--on' } },
  );
}
