import { createHash } from 'node:crypto';
import {
  describedAssetKey,
  collectionKey,
  isCatalogKey,
  isoKey,
  itemKey,
  openLineageKey,
  ROOT_KEY,
} from '#shared/contracts/object-keys.ts';
import type { AssetDocument, DatasetDocument, LineageDocument, RunDocument } from '#shared/ledger/documents.ts';
import {
  brokenLinks,
  differences,
  type Json,
  type Lake,
  linksOf,
  type Parts,
  readJson,
  readLake,
  resolve,
  sortedJson,
} from './lake-contents.ts';
import { stacProblems } from './stac-schemas.ts';

/**
 * Compares ledger, objects, object metadata, STAC documents, ISO records and lineage. Returns one line for each
 * discrepancy; empty for a consistent lake. All runs must have ended, because running runs write these documents one
 * after another.
 */
export async function inconsistencies(parts: Parts): Promise<string[]> {
  const lake = await readLake(parts);
  const found: string[] = [];
  for (const dataset of lake.datasets) found.push(...(await checkDataset(dataset, lake, parts)));
  for (const asset of lake.assets) {
    const problems = [
      await checkObject(asset, parts),
      checkRun(asset, lake),
      await checkItem(asset, lake, parts),
      await checkIso(asset, lake, parts),
      await checkLineage(asset, lake, parts),
    ].flat();
    found.push(
      ...problems.map((problem) => `${asset.dataset_id} version ${asset.version} (${asset.kind}): ${problem}`),
    );
  }
  for (const run of lake.runs.values()) found.push(...(await checkOpenLineage(run, lake, parts)));
  found.push(
    ...(await checkRoot(lake, parts)),
    ...checkObjects(lake),
    ...(await parts.ledger.listRemovals()).map(({ s3_key }) => `${s3_key} was removed, but its object was not deleted`),
  );
  return found;
}

/**
 * The versions have no gaps; a retention rule keeps the newest ones. The collection links exactly the existing
 * versions.
 */
async function checkDataset(
  { dataset_id, latest_version, keep_versions = null }: DatasetDocument,
  lake: Lake,
  parts: Parts,
): Promise<string[]> {
  const versions = lake.assets
    .filter((asset) => asset.dataset_id === dataset_id)
    .map(({ version }) => version)
    .sort((a, b) => a - b);
  if (versions.length === 0)
    return lake.keys.has(collectionKey(dataset_id)) ? [`${dataset_id} has a collection without versions`] : [];
  const found: string[] = [];
  if (versions.at(-1) !== latest_version)
    found.push(`${dataset_id}: the newest version is ${versions.at(-1)}, but latest_version is ${latest_version}`);
  const count = keep_versions === null ? latest_version : Math.min(keep_versions, latest_version);
  const wanted = Array.from({ length: count }, (_, index) => latest_version - count + 1 + index);
  if (versions.join() !== wanted.join())
    found.push(`${dataset_id}: versions are ${versions.join()} instead of ${wanted.join()}`);
  if (!lake.keys.has(collectionKey(dataset_id))) return [...found, `${dataset_id} has no collection`];
  const collection = await readJson(parts, collectionKey(dataset_id));
  const items = linksOf(collection)
    .filter(({ rel }) => rel === 'item')
    .map(({ href }) => resolve(collectionKey(dataset_id), href))
    .sort();
  const expected = versions.map((version) => itemKey(dataset_id, version)).sort();
  if (items.join() !== expected.join())
    found.push(`${dataset_id}: the collection links ${items.join()} instead of ${expected.join()}`);
  return [
    ...found,
    ...stacProblems(collection).map((problem) => `${collectionKey(dataset_id)}: ${problem}`),
    ...brokenLinks(collection, collectionKey(dataset_id), lake),
  ];
}

/** The object has the size, the hash and the metadata that the ledger states. */
async function checkObject(asset: AssetDocument, { objects, env }: Parts): Promise<string[]> {
  const head = await objects.head(env.LAKE_BUCKET, asset.s3_key);
  if (head === undefined) return [`the object ${asset.s3_key} does not exist`];
  const hash = createHash('sha256');
  for await (const chunk of await objects.read(env.LAKE_BUCKET, asset.s3_key)) hash.update(chunk as Buffer);
  return [
    ...differences(
      { mongodb_doc_id: asset._id, run_id: asset.run_id, content_hash: asset.content_hash },
      head.metadata,
      'the metadata of the object',
    ),
    ...differences(
      { size: asset.size_bytes, sha256: asset.content_hash },
      { size: head.size, sha256: hash.digest('hex') },
      'the object',
    ),
  ];
}

function checkRun(asset: AssetDocument, { runs }: Lake): string[] {
  const run = runs.get(asset.run_id);
  if (run === undefined) return [`the run ${asset.run_id} does not exist`];
  return run.asset_ids.includes(asset._id) ? [] : [`asset_ids of its run ${run.run_id} do not contain it`];
}

async function checkItem(asset: AssetDocument, lake: Lake, parts: Parts): Promise<string[]> {
  const key = itemKey(asset.dataset_id, asset.version);
  if (asset.stac_key !== key || !lake.keys.has(key))
    return [
      `stac_key is ${asset.stac_key}, and ${key} ${lake.keys.has(key) ? 'exists' : 'does not exist'} in the lake`,
    ];
  const item = await readJson(parts, key);
  const data = (item.assets as Record<string, { href: string }>).data ?? { href: '' };
  const derivedFrom = linksOf(item)
    .filter(({ rel }) => rel === 'derived_from')
    .map(({ href }) => resolve(key, href));
  const parents = (await parts.ledger.getAssets(asset.parents ?? [])).map((parent) =>
    itemKey(parent.dataset_id, parent.version),
  );
  return [
    ...stacProblems(item),
    ...differences(
      {
        id: `${asset.dataset_id}-v${asset.version}`,
        ...(asset.bbox === null ? {} : { collection: asset.dataset_id }),
      },
      item,
      'the STAC item',
    ),
    ...differences(
      { version: String(asset.version), created: asset.created_at },
      item.properties as Json,
      'the STAC item',
    ),
    ...differences(
      { 'file:checksum': `1220${asset.content_hash}`, 'file:size': asset.size_bytes, href: asset.s3_key },
      { ...data, href: resolve(key, data.href) },
      'the data of the STAC item',
    ),
    ...parents
      .filter((parent) => !derivedFrom.includes(parent))
      .map((parent) => `the STAC item has no derived_from link to ${parent}`),
    ...brokenLinks(item, key, lake),
  ];
}

async function checkIso(asset: AssetDocument, lake: Lake, parts: Parts): Promise<string[]> {
  const key = isoKey(asset.s3_key);
  if (asset.iso === null || !lake.keys.has(key)) return ['the ISO record does not exist'];
  const record = asset.iso as {
    identificationInfo: { citation: Json };
    distributionInfo: { transferOptions: Json };
    dataQualityInfo: { lineage: { statement: string; source: { description: string }[] } };
  };
  const runId = lake.runs.get(asset.run_id)?.run_id ?? '';
  const { lineage } = record.dataQualityInfo;
  return [
    ...differences({ fileIdentifier: asset._id, dateStamp: asset.created_at }, asset.iso, 'the ISO record'),
    ...differences(
      { title: asset.dataset_id, edition: String(asset.version) },
      record.identificationInfo.citation,
      'the ISO record',
    ),
    ...differences(
      { linkage: `s3://${parts.env.LAKE_BUCKET}/${asset.s3_key}`, sizeBytes: asset.size_bytes },
      record.distributionInfo.transferOptions,
      'the ISO record',
    ),
    ...(lineage.statement.includes(runId) ? [] : [`the ISO record does not contain run ${runId}`]),
    ...asset.sources
      .filter(
        ({ path, sha256 }) =>
          !lineage.source.some(({ description }) => description.includes(path) && description.includes(sha256)),
      )
      .map(({ path }) => `the ISO record does not contain ${path}`),
    // jsonb does not keep the order of fields.
    ...(sortedJson(await readJson(parts, key)) === sortedJson(asset.iso)
      ? []
      : ['the ISO record in the lake differs from the one in the ledger']),
  ];
}

/**
 * Each source file and each parent has an edge. Each edge has a source with the same hash, and a run that returned this
 * asset.
 */
async function checkLineage(asset: AssetDocument, lake: Lake, { ledger }: Parts): Promise<string[]> {
  const edges = await ledger.listLineage(asset._id);
  const files = edges.flatMap(({ source }) => (source.kind === 'file' ? [`${source.path} ${source.sha256}`] : []));
  const parents = edges.flatMap(({ source }) => (source.kind === 'asset' ? [source.asset_id] : []));
  const known = new Set(asset.sources.map(({ sha256 }) => sha256));
  const found = [
    ...asset.sources
      .filter(({ path, sha256 }) => !files.includes(`${path} ${sha256}`))
      .map(({ path }) => `the lineage has no edge from ${path}`),
    ...(asset.parents ?? [])
      .filter((parent) => !parents.includes(parent))
      .map((parent) => `the lineage has no edge from asset ${parent}`),
  ];
  for (const edge of edges) found.push(...(await checkEdge(edge, asset, known, lake, ledger)));
  return found;
}

async function checkEdge(
  { source, run_id }: LineageDocument,
  asset: AssetDocument,
  known: ReadonlySet<string>,
  lake: Lake,
  ledger: Parts['ledger'],
): Promise<string[]> {
  const run = [...lake.runs.values()].find((other) => other.run_id === run_id);
  const ofRun = run?.asset_ids.includes(asset._id) ? [] : [`an edge has run ${run_id}, which did not return the asset`];
  if (source.kind === 'file')
    return known.has(source.sha256) ? ofRun : [...ofRun, `an edge has another hash of ${source.path}`];
  const parent = (await ledger.getAsset(source.asset_id)) ?? (await ledger.getRemovedAsset(source.asset_id));
  return parent === undefined ? [...ofRun, `an edge starts at asset ${source.asset_id}, which never existed`] : ofRun;
}

/** The OpenLineage events of each run list the objects of its assets as outputs. */
async function checkOpenLineage(run: RunDocument, lake: Lake, { objects, env }: Parts): Promise<string[]> {
  const key = openLineageKey(run.run_id);
  if (run.status === 'running') return [`run ${run.run_id} has not ended`];
  if (!lake.keys.has(key)) return [`run ${run.run_id} has no OpenLineage events`];
  const text = (await objects.readBytes(env.LAKE_BUCKET, key, { maxBytes: 2 ** 24 })).toString('utf8');
  const events = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { eventType: string; run: { runId: string }; outputs: { name: string }[] });
  const outputs = events.at(-1)?.outputs.map(({ name }) => name) ?? [];
  const made = lake.assets.filter(({ _id }) => run.asset_ids.includes(_id)).map(({ s3_key }) => s3_key);
  return [
    ...events
      .filter((event) => event.run.runId !== run.run_id)
      .map((event) => `${key} has an event of run ${event.run.runId}`),
    ...made.filter((name) => !outputs.includes(name)).map((name) => `${key} lacks the output ${name}`),
  ];
}

async function checkRoot(lake: Lake, parts: Parts): Promise<string[]> {
  const wanted = [...new Set(lake.assets.map(({ dataset_id }) => collectionKey(dataset_id)))].sort();
  if (!lake.keys.has(ROOT_KEY)) return wanted.length === 0 ? [] : ['the root catalog does not exist'];
  const root = await readJson(parts, ROOT_KEY);
  const children = linksOf(root)
    .filter(({ rel }) => rel === 'child')
    .map(({ href }) => resolve(ROOT_KEY, href))
    .sort();
  const listed =
    children.join() === wanted.join() ? [] : [`the root catalog links ${children.join()} instead of ${wanted.join()}`];
  return [...listed, ...stacProblems(root), ...brokenLinks(root, ROOT_KEY, lake)];
}

/** Every object of the lake belongs to an asset of the ledger. */
function checkObjects({ assets, keys }: Lake): string[] {
  const items = new Set(assets.map(({ dataset_id, version }) => itemKey(dataset_id, version)));
  const data = new Set(assets.map(({ s3_key }) => s3_key));
  return [...keys]
    .filter((key) =>
      /\/v\d+\.json$/.test(key) ? !items.has(key) : !isCatalogKey(key) && !data.has(describedAssetKey(key)),
    )
    .map((key) => `the object ${key} belongs to no asset`);
}
