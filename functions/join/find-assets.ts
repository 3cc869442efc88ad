import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { AssetDocument } from '#shared/ledger/documents.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import type { JoinConfig } from '#shared/manifest/manifest.ts';

export interface JoinAssets {
  /** A spatial or joined asset. */
  spatial: AssetDocument;
  tabular: AssetDocument;
}

const KINDS = {
  spatial_asset_id: ['spatial', 'joined'],
  tabular_asset_id: ['tabular'],
} as const satisfies Record<string, readonly AssetDocument['kind'][]>;
type Field = keyof typeof KINDS;

/** Begins a reference to the newest version of a dataset. */
const DATASET_PREFIX = 'dataset:';
/** The newest versions may be of runs that have not ended; more runs than this of one dataset are never under way. */
const NEWEST_VERSIONS = 100;

/** The assets that a join_config names. Throws ASSET_NOT_FOUND, ASSET_KIND_MISMATCH, each with the field. */
export async function findAssets(
  config: JoinConfig,
  ledger: Pick<Ledger, 'getAsset' | 'listAssets'>,
): Promise<JoinAssets> {
  const [spatial, tabular] = await Promise.all([
    findAsset('spatial_asset_id', config, ledger),
    findAsset('tabular_asset_id', config, ledger),
  ]);
  return { spatial, tabular };
}

async function findAsset(
  field: Field,
  config: JoinConfig,
  ledger: Pick<Ledger, 'getAsset' | 'listAssets'>,
): Promise<AssetDocument> {
  const reference = config[field];
  const kinds: readonly AssetDocument['kind'][] = KINDS[field];
  const named = reference.startsWith(DATASET_PREFIX)
    ? await newestOf(reference.slice(DATASET_PREFIX.length), kinds, ledger)
    : await ledger.getAsset(reference);
  // An asset without its records is of a run that has not ended, and may yet be taken back.
  if (named === undefined || named.stac_key === null) throw notFound(field, reference);
  if (!kinds.includes(named.kind)) {
    throw new SluiceError(
      'ASSET_KIND_MISMATCH',
      `metadata.join_config.${field} names ${describeAsset(named)}, which is a ${named.kind} asset; a join needs a ${kinds.join(' or ')} one there.`,
      {
        details: { field: `metadata.join_config.${field}`, asset_id: named._id, kind: named.kind, kinds },
      },
    );
  }
  return named;
}

/** The newest version of a kind that can be joined; the newest of another kind when there is none. */
async function newestOf(
  datasetId: string,
  kinds: readonly AssetDocument['kind'][],
  ledger: Pick<Ledger, 'listAssets'>,
): Promise<AssetDocument | undefined> {
  const whole = (await ledger.listAssets({ dataset_id: datasetId, limit: NEWEST_VERSIONS })).filter(
    (asset) => asset.stac_key !== null,
  );
  return whole.find(({ kind }) => kinds.includes(kind)) ?? whole[0];
}

function notFound(field: Field, reference: string): SluiceError {
  const what = reference.startsWith(DATASET_PREFIX)
    ? `the dataset ${JSON.stringify(reference.slice(DATASET_PREFIX.length))}, of which there is no asset`
    : `the asset ${JSON.stringify(reference)}, which does not exist`;
  return new SluiceError(
    'ASSET_NOT_FOUND',
    `metadata.join_config.${field} names ${what}. Name an asset by its id, or \`${DATASET_PREFIX}NAME\` for the newest version of a dataset.`,
    {
      details: { field: `metadata.join_config.${field}`, reference },
    },
  );
}

/** How messages name an asset. */
export function describeAsset(asset: Pick<AssetDocument, '_id' | 'dataset_id' | 'version'>): string {
  return `${asset.dataset_id}, version ${asset.version} (${asset._id})`;
}
