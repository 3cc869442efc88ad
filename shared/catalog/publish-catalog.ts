import type { AssetDocument, RunDocument } from '#shared/ledger/documents.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import type { Context } from '#shared/runtime/context.ts';
import type { IsoRecord } from './iso.ts';
import { stacCatalog, stacCollection, stacItem } from './stac.ts';
import { collectionKey, isoKey, itemKey, ROOT_KEY } from '#shared/contracts/object-keys.ts';

type Json = Record<string, unknown>;
type Parts = Pick<Context, 'ledger' | 'objects' | 'env'>;

const MEDIA_TYPE = { item: 'application/geo+json', json: 'application/json' } as const;

/**
 * Writes the records of an asset: its STAC item, and the ISO record next to it. Both follow from the ledger, so a repeat writes the same.
 * Returns the key of the item.
 */
export async function publishItem(
  asset: AssetDocument,
  iso: IsoRecord | NonNullable<AssetDocument['iso']>,
  run: Pick<RunDocument, 'manifest'>,
  parts: Parts,
): Promise<string> {
  const item = await itemDocument(asset, run, parts.ledger);
  const key = itemKey(asset.dataset_id, asset.version);
  await Promise.all([
    put(parts, key, item, MEDIA_TYPE.item),
    put(parts, isoKey(asset.s3_key), { ...iso }, MEDIA_TYPE.json),
  ]);
  return key;
}

/** The STAC item of an asset as the ledger has it. */
export async function itemDocument(
  asset: AssetDocument,
  run: Pick<RunDocument, 'manifest'>,
  ledger: Pick<Ledger, 'getAsset'>,
): Promise<Json> {
  const { description } = run.manifest.metadata;
  const parents = await Promise.all((asset.parents ?? []).map((id) => ledger.getAsset(id)));
  return stacItem(asset, {
    ...(description === undefined ? {} : { description }),
    parents: parents.filter((parent) => parent !== undefined),
  });
}

/** The collection of a dataset as the ledger has it, with the versions in it: those that are whole, whose items stand. */
export async function collectionDocument(
  datasetId: string,
  ledger: Pick<Ledger, 'listVersions'>,
): Promise<{ document: Json; versions: number[] }> {
  const versions = await ledger.listVersions(datasetId);
  return { document: stacCollection(datasetId, versions), versions: versions.map(({ version }) => version) };
}

/** The root catalog as the ledger has it. */
export async function rootDocument(ledger: Pick<Ledger, 'listDatasets'>): Promise<Json> {
  return stacCatalog((await ledger.listDatasets({ published: true })).map(({ dataset_id }) => dataset_id));
}

/**
 * Puts a version whose item stands into the catalog: its dataset's collection, and the root catalog when it is the lowest version
 * there is. Of the first versions at once the lowest comes in time, whichever is first.
 */
export async function publishVersion(
  { dataset_id, version }: Pick<AssetDocument, 'dataset_id' | 'version'>,
  parts: Parts,
): Promise<void> {
  const versions = await publishCollection(dataset_id, parts);
  if (versions.every((other) => other >= version)) await publishRoot(parts);
}

/** Writes the collection of a dataset, and returns the versions in it. */
export async function publishCollection(datasetId: string, parts: Parts): Promise<number[]> {
  let versions: number[] = [];
  await putUntilCurrent(parts, collectionKey(datasetId), async () => {
    const collection = await collectionDocument(datasetId, parts.ledger);
    versions = collection.versions;
    return collection.document;
  });
  return versions;
}

/** Writes the root catalog. */
export function publishRoot(parts: Parts): Promise<void> {
  return putUntilCurrent(parts, ROOT_KEY, () => rootDocument(parts.ledger));
}

/**
 * Writes a document that follows from the ledger, again until the ledger says what was written. Of several writers at once the last
 * one reads after it has written, so that no version is left out, also when it was stopped in between.
 */
async function putUntilCurrent(parts: Parts, key: string, derive: () => Promise<Json>): Promise<void> {
  let wanted = JSON.stringify(await derive());
  let written: string | undefined;
  while (written !== wanted) {
    await put(parts, key, wanted, MEDIA_TYPE.json);
    written = wanted;
    wanted = JSON.stringify(await derive());
  }
}

function put({ objects, env }: Parts, key: string, body: string | Json, contentType: string): Promise<void> {
  return objects.put(env.LAKE_BUCKET, key, typeof body === 'string' ? body : JSON.stringify(body, undefined, 2), {
    contentType,
  });
}
