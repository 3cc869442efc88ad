import { collectionKey, isoKey, itemKey, ROOT_KEY } from '#shared/contracts/object-keys.ts';
import type { AssetDocument, RunDocument } from '#shared/ledger/documents.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import type { Context } from '#shared/runtime/context.ts';
import type { IsoRecord } from './iso.ts';
import { stacCatalog, stacCollection, stacItem } from './stac.ts';

// shared/catalog: the STAC, ISO 19115 and OpenLineage documents about assets and runs. This file writes the STAC and
// ISO documents to the lake. All of them follow from the ledger, so a repeat writes the same documents.

type Json = Record<string, unknown>;
type Services = Pick<Context, 'ledger' | 'objects' | 'env'>;

const MEDIA_TYPE = { item: 'application/geo+json', json: 'application/json' } as const;

/** Writes the STAC item and the ISO record of an asset. Returns the key of the item. */
export async function writeItem(
  asset: AssetDocument,
  iso: IsoRecord | NonNullable<AssetDocument['iso']>,
  run: Pick<RunDocument, 'manifest'>,
  services: Services,
): Promise<string> {
  const item = await itemDocument(asset, run, services.ledger);
  const key = itemKey(asset.dataset_id, asset.version);
  await Promise.all([
    put(services, key, item, MEDIA_TYPE.item),
    put(services, isoKey(asset.s3_key), { ...iso }, MEDIA_TYPE.json),
  ]);
  return key;
}

/** The STAC item of an asset, from the current ledger: removed parents are not linked. */
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

/** The STAC collection of a dataset, and the versions in it: the complete ones, whose items exist. */
export async function collectionDocument(
  datasetId: string,
  ledger: Pick<Ledger, 'listVersions'>,
): Promise<{ document: Json; versions: number[] }> {
  const versions = await ledger.listVersions(datasetId);
  return { document: stacCollection(datasetId, versions), versions: versions.map(({ version }) => version) };
}

/** Returns the document of the root catalog. */
export async function rootDocument(ledger: Pick<Ledger, 'listDatasets'>): Promise<Json> {
  return stacCatalog((await ledger.listDatasets({ withCompleteAsset: true })).map(({ dataset_id }) => dataset_id));
}

/**
 * Adds a version, whose item exists, to the collection of its dataset. Also writes the root catalog if the version is
 * the lowest of the dataset. Among concurrent runs of a new dataset, the one with the lowest version writes the root
 * catalog.
 */
export async function addVersionToCatalog(
  { dataset_id, version }: Pick<AssetDocument, 'dataset_id' | 'version'>,
  services: Services,
): Promise<void> {
  const versions = await writeCollection(dataset_id, services);
  if (versions.every((other) => other >= version)) await writeRootCatalog(services);
}

/** Writes the collection of a dataset, and returns the versions in it. */
export async function writeCollection(datasetId: string, services: Services): Promise<number[]> {
  let versions: number[] = [];
  await putUntilCurrent(services, collectionKey(datasetId), async () => {
    const collection = await collectionDocument(datasetId, services.ledger);
    versions = collection.versions;
    return collection.document;
  });
  return versions;
}

/** Writes the root catalog. */
export function writeRootCatalog(services: Services): Promise<void> {
  return putUntilCurrent(services, ROOT_KEY, () => rootDocument(services.ledger));
}

/**
 * Writes a document, and repeats this while it differs from the document that the ledger implies. Without the
 * repetition, a writer that was delayed could overwrite the document of a newer one, and a version would be missing.
 */
async function putUntilCurrent(services: Services, key: string, derive: () => Promise<Json>): Promise<void> {
  let wanted = JSON.stringify(await derive());
  let written: string | undefined;
  while (written !== wanted) {
    await put(services, key, wanted, MEDIA_TYPE.json);
    written = wanted;
    wanted = JSON.stringify(await derive());
  }
}

function put({ objects, env }: Services, key: string, body: string | Json, contentType: string): Promise<void> {
  return objects.put(env.LAKE_BUCKET, key, typeof body === 'string' ? body : JSON.stringify(body, undefined, 2), {
    contentType,
  });
}
