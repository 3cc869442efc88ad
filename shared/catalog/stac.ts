import { ASSET_MEDIA_TYPE } from '#shared/contracts/media-types.ts';
import { type Extent, partsOf, unionOfBoxes } from '#shared/contracts/extent.ts';
import type { AssetDocument } from '#shared/ledger/documents.ts';
import type { DatasetVersion } from '#shared/ledger/ledger.ts';
import { collectionKey, isoKey, itemKey, relativeHref, ROOT_KEY } from '#shared/contracts/object-keys.ts';

// STAC 1.1.0 documents (https://github.com/radiantearth/stac-spec) of assets, datasets and the lake. Pure.

const STAC_VERSION = '1.1.0';
const EXTENSION = {
  projection: 'https://stac-extensions.github.io/projection/v2.0.0/schema.json',
  table: 'https://stac-extensions.github.io/table/v1.2.0/schema.json',
  raster: 'https://stac-extensions.github.io/raster/v2.0.0/schema.json',
  file: 'https://stac-extensions.github.io/file/v2.1.0/schema.json',
  processing: 'https://stac-extensions.github.io/processing/v1.2.0/schema.json',
} as const;

/** STAC's value for a license that is not known. */
const LICENSE_UNKNOWN = 'other';

type Json = Record<string, unknown>;
interface Link {
  rel: string;
  href: string;
  type: string;
  title?: string;
}

/** The item of an asset. `parents` are the assets that it was made from. */
export function stacItem(
  asset: AssetDocument,
  context: { title?: string; description?: string; parents?: AssetDocument[] } = {},
): Json {
  const key = itemKey(asset.dataset_id, asset.version);
  const link = (rel: string, to: string, type = 'application/json', title?: string): Link => ({
    rel,
    href: relativeHref(key, to),
    type,
    ...(title === undefined ? {} : { title }),
  });
  return {
    type: 'Feature',
    stac_version: STAC_VERSION,
    stac_extensions: extensionsOf(asset),
    id: itemId(asset),
    ...(asset.bbox === null ? {} : { collection: asset.dataset_id }),
    geometry: asset.bbox === null ? null : envelope(asset.bbox),
    ...(asset.bbox === null ? {} : { bbox: asset.bbox }),
    properties: {
      title: context.title ?? `${asset.dataset_id}, version ${asset.version}`,
      ...(context.description ? { description: context.description } : {}),
      ...temporal(asset),
      created: asset.created_at,
      version: String(asset.version),
      ...projection(asset),
      ...table(asset),
      ...processing(asset),
    },
    links: [
      link('root', ROOT_KEY),
      link('parent', collectionKey(asset.dataset_id)),
      ...(asset.bbox === null ? [] : [link('collection', collectionKey(asset.dataset_id))]),
      ...(context.parents ?? []).map((parent) =>
        link('derived_from', itemKey(parent.dataset_id, parent.version), 'application/geo+json', itemId(parent)),
      ),
    ],
    assets: {
      data: {
        href: relativeHref(key, asset.s3_key),
        type: ASSET_MEDIA_TYPE[asset.kind],
        roles: ['data'],
        'file:size': asset.size_bytes,
        'file:checksum': multihash(asset.content_hash),
        ...bands(asset),
      },
      iso: {
        href: relativeHref(key, isoKey(asset.s3_key)),
        type: 'application/json',
        roles: ['metadata'],
        title: 'ISO 19115 record',
      },
    },
  };
}

/**
 * The time of the data. STAC requires a `datetime`, or a start and an end. When the time of the data is unknown, it is
 * the time of the ingest, and `sluice:datetime_source` is `ingest`, so that no reader mistakes it for the time of the
 * data.
 */
function temporal({ data_time, created_at }: Pick<AssetDocument, 'data_time' | 'created_at'>): Json {
  if (data_time === undefined) return { datetime: created_at, 'sluice:datetime_source': 'ingest' };
  const { start, end, source } = data_time;
  return {
    ...(start === end ? { datetime: start } : { datetime: null, start_datetime: start, end_datetime: end }),
    'sluice:datetime_source': source,
  };
}

/**
 * The collection of a dataset, from its complete versions, newest first. A dataset without coordinates, such as tables,
 * is a catalog: a STAC collection requires a spatial extent, and the extent of the world would be found by every search
 * for a place. Items without coordinates do not link to a collection.
 */
export function stacCollection(
  datasetId: string,
  versions: DatasetVersion[],
  context: { description?: string } = {},
): Json {
  const key = collectionKey(datasetId);
  const extent = extentOfVersions(versions);
  return {
    type: extent === undefined ? 'Catalog' : 'Collection',
    stac_version: STAC_VERSION,
    id: datasetId,
    title: datasetId,
    description: context.description?.trim() || `Dataset ${datasetId}.`,
    ...(extent === undefined ? {} : { license: LICENSE_UNKNOWN, extent }),
    links: [
      { rel: 'root', href: relativeHref(key, ROOT_KEY), type: 'application/json' },
      { rel: 'parent', href: relativeHref(key, ROOT_KEY), type: 'application/json' },
      ...versions.map(({ version }) => ({
        rel: 'item',
        href: relativeHref(key, itemKey(datasetId, version)),
        type: 'application/geo+json',
        title: `version ${version}`,
      })),
    ],
  };
}

/** Undefined when no version has coordinates. The times are those of the items. */
function extentOfVersions(versions: DatasetVersion[]): Json | undefined {
  const box = unionOfBoxes(versions.flatMap(({ bbox }) => (bbox === null ? [] : [bbox])));
  if (box === undefined) return undefined;
  const starts = versions.map(({ data_time, created_at }) => data_time?.start ?? created_at).sort();
  const ends = versions.map(({ data_time, created_at }) => data_time?.end ?? created_at).sort();
  return { spatial: { bbox: [box] }, temporal: { interval: [[starts[0] ?? null, ends.at(-1) ?? null]] } };
}

/** The root catalog of the lake. */
export function stacCatalog(datasetIds: string[]): Json {
  return {
    type: 'Catalog',
    stac_version: STAC_VERSION,
    id: 'sluice',
    title: 'Data lake',
    description: 'All datasets of this lake.',
    links: [
      { rel: 'root', href: relativeHref(ROOT_KEY, ROOT_KEY), type: 'application/json' },
      ...[...datasetIds].sort().map((id) => ({
        rel: 'child',
        href: relativeHref(ROOT_KEY, collectionKey(id)),
        type: 'application/json',
        title: id,
      })),
    ],
  };
}

export function itemId(asset: Pick<AssetDocument, 'dataset_id' | 'version'>): string {
  return `${asset.dataset_id}-v${asset.version}`;
}

/** SHA-256 as a multihash, which the file extension requires: hash code 0x12, length 0x20, digest. */
function multihash(sha256: string): string {
  return `1220${sha256}`;
}

function extensionsOf(asset: AssetDocument): string[] {
  const used: string[] = [EXTENSION.file, EXTENSION.processing];
  if (asset.crs !== null) used.push(EXTENSION.projection);
  if (asset.kind === 'raster') used.push(EXTENSION.raster);
  else used.push(EXTENSION.table);
  return used;
}

function projection(asset: AssetDocument): Json {
  if (asset.crs === null) return {};
  const { raster } = asset;
  const box = asset.native_bbox ?? asset.bbox;
  const shape =
    raster === undefined
      ? {}
      : {
          'proj:shape': [raster.height, raster.width],
          // The first six numbers of an affine transformation, from column and row to x and y. Assets are north-up.
          ...(box === null
            ? {}
            : { 'proj:transform': [raster.resolution[0], 0, box[0], 0, -raster.resolution[1], box[3]] }),
          ...(raster.crs_wkt2 === undefined ? {} : { 'proj:wkt2': raster.crs_wkt2 }),
        };
  return {
    'proj:code': /^[A-Z]+:\w+$/.test(asset.crs) ? asset.crs : null,
    ...(box === null ? {} : { 'proj:bbox': box }),
    ...shape,
  };
}

function table(asset: AssetDocument): Json {
  if (asset.kind === 'raster') return {};
  const geometry =
    asset.kind === 'tabular' ? undefined : asset.columns.find((column) => column.type.startsWith('geometry'))?.name;
  return {
    'table:columns': asset.columns.map(({ name, type }) => ({ name, type })),
    ...(geometry === undefined ? {} : { 'table:primary_geometry': geometry }),
    ...(asset.row_count === null ? {} : { 'table:row_count': asset.row_count }),
  };
}

function processing(asset: AssetDocument): Json {
  return {
    'processing:lineage': `Recipe ${asset.recipe.name}: ${asset.recipe.steps.join(', ') || 'no steps'}.`,
    ...(asset.software === undefined ? {} : { 'processing:software': asset.software }),
  };
}

function bands(asset: AssetDocument): Json {
  if (asset.raster === undefined) return {};
  return {
    bands: asset.raster.bands.map((band, index) => ({
      name: band.description ?? `band ${index + 1}`,
      data_type: STAC_DATA_TYPE[band.data_type] ?? 'other',
      ...(band.nodata === null ? {} : { nodata: exactNodata(band.nodata) }),
      ...(band.unit === undefined ? {} : { unit: band.unit }),
      ...(band.scale === undefined ? {} : { 'raster:scale': band.scale }),
      ...(band.offset === undefined ? {} : { 'raster:offset': band.offset }),
      ...(band.time === undefined ? {} : { datetime: band.time }),
      ...(band.category_names === undefined ? {} : { 'sluice:category_names': band.category_names }),
      ...(band.attribute_table === undefined ? {} : { 'sluice:attribute_table': band.attribute_table }),
      ...(band.statistics === null ? {} : { statistics: band.statistics }),
    })),
  };
}

/** STAC requires a number, and JSON can write integers that a double cannot hold. */
function exactNodata(nodata: number | string): unknown {
  // The types of TypeScript 5.9 do not have this function.
  const { rawJSON } = JSON as unknown as { rawJSON: (json: string) => unknown };
  return typeof nodata === 'string' && /\d/.test(nodata) ? rawJSON(nodata) : nodata;
}

/** STAC's names for GDAL's pixel types. */
const STAC_DATA_TYPE: Record<string, string> = {
  Byte: 'uint8',
  Int8: 'int8',
  UInt16: 'uint16',
  Int16: 'int16',
  UInt32: 'uint32',
  Int32: 'int32',
  UInt64: 'uint64',
  Int64: 'int64',
  Float32: 'float32',
  Float64: 'float64',
  CInt16: 'cint16',
  CInt32: 'cint32',
  CFloat32: 'cfloat32',
  CFloat64: 'cfloat64',
};

/** A polygon, or one on each side of the antimeridian (RFC 7946, 3.1.9). */
function envelope(box: Extent): Json {
  const polygons = partsOf(box).map(([west, south, east, north]) => [
    [
      [west, south],
      [east, south],
      [east, north],
      [west, north],
      [west, south],
    ],
  ]);
  return polygons.length === 1
    ? { type: 'Polygon', coordinates: polygons[0] }
    : { type: 'MultiPolygon', coordinates: polygons };
}
