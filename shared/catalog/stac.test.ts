import { expect, test } from 'vitest';
import { assetDocument } from '../../tests/fixtures/documents.ts';
import { stacProblems } from '../../tests/stac-schemas.ts';
import { stacCatalog, stacCollection, stacItem } from './stac.ts';
import { collectionKey, isoKey, itemKey, relativeHref, ROOT_KEY } from '#shared/contracts/object-keys.ts';

const SPATIAL = assetDocument({ dataset_id: 'straßen', version: 2, software: { GDAL: '3.6.2' } });
const TABULAR = assetDocument({ dataset_id: 'prices', kind: 'tabular', crs: null, bbox: null, geometry_types: [] });
const RASTER = assetDocument({
  dataset_id: 'elevation',
  kind: 'raster',
  crs: 'EPSG:31985',
  native_bbox: [288776.25, 9110728.75, 298722.75, 9120760.75],
  row_count: null,
  columns: [],
  raster: {
    width: 349,
    height: 352,
    resolution: [28.5, 28.5],
    block_size: [512, 512],
    overviews: [],
    compression: 'DEFLATE',
    bands: [
      {
        data_type: 'Byte',
        nodata: null,
        color_interpretation: 'Gray',
        description: null,
        scale: 0.1,
        offset: -273.15,
        unit: 'K',
        statistics: { minimum: 47, maximum: 255, mean: 79.1, stddev: 14.7, valid_percent: 100 },
      },
    ],
  },
});

test.each([SPATIAL, TABULAR, RASTER])('the item of a $kind asset is valid STAC', (asset) => {
  expect(stacProblems(stacItem(asset, { parents: [RASTER] }))).toEqual([]);
});

test('the item of a raster in a CRS without code contains its WKT', () => {
  const item = stacItem({
    ...RASTER,
    crs: 'Eigene Projektion',
    raster: { ...RASTER.raster!, crs_wkt2: 'PROJCRS["Eigene Projektion"]' },
  });
  expect(item.properties).toMatchObject({ 'proj:code': null, 'proj:wkt2': 'PROJCRS["Eigene Projektion"]' });
  expect(stacItem(RASTER).properties).not.toHaveProperty('proj:wkt2');
  expect(stacProblems(item)).toEqual([]);
});

test('the item of a raster has its grid, and scale, offset and unit of its bands', () => {
  const item = stacItem(RASTER) as { properties: object; assets: { data: object } };
  expect(item.properties).toMatchObject({
    'proj:shape': [352, 349],
    'proj:transform': [28.5, 0, 288776.25, 0, -28.5, 9120760.75],
  });
  expect(item.assets.data).toMatchObject({
    bands: [{ 'raster:scale': 0.1, 'raster:offset': -273.15, unit: 'K', data_type: 'uint8' }],
  });
  expect(item.assets.data).not.toHaveProperty('raster:spatial_resolution');
});

test('a nodata value that a double cannot hold has all of its digits', () => {
  const [band] = RASTER.raster?.bands ?? [];
  const raster = { ...RASTER.raster, bands: [{ ...band, data_type: 'UInt64', nodata: '18446744073709551615' }] };
  const json = JSON.stringify(stacItem({ ...RASTER, raster } as typeof RASTER));
  expect(json).toContain('"nodata":18446744073709551615,');
  expect(stacProblems(JSON.parse(json) as Record<string, unknown>)).toEqual([]);
});

test('the time of an item is an instant or a period of the data, else the time of the ingest', () => {
  const start = '2017-10-18T12:00:00.000Z';
  const end = '2017-10-19T00:00:00.000Z';
  const properties = (asset: typeof RASTER) => {
    const item = stacItem(asset);
    expect(stacProblems(item)).toEqual([]);
    return item.properties;
  };
  expect(properties(RASTER)).toMatchObject({ datetime: RASTER.created_at, 'sluice:datetime_source': 'ingest' });
  expect(properties({ ...RASTER, data_time: { start, end: start, source: 'GRIB_VALID_TIME' } })).toMatchObject({
    datetime: start,
    created: RASTER.created_at,
    'sluice:datetime_source': 'GRIB_VALID_TIME',
  });
  const period = { ...RASTER, data_time: { start, end, source: 'manifest' } };
  expect(properties(period)).toMatchObject({ datetime: null, start_datetime: start, end_datetime: end });
  expect(stacCollection('elevation', [period])).toMatchObject({ extent: { temporal: { interval: [[start, end]] } } });
});

test('a dataset without coordinates is a catalog, and claims no extent', () => {
  const catalog = stacCollection('prices', [TABULAR]);
  expect(catalog).toMatchObject({ type: 'Catalog' });
  expect(catalog).not.toHaveProperty('extent');
  expect(stacProblems(catalog)).toEqual([]);
  expect(stacItem(TABULAR)).not.toHaveProperty('collection');
  expect(stacCollection('mixed', [SPATIAL, TABULAR])).toMatchObject({
    type: 'Collection',
    extent: { spatial: { bbox: [SPATIAL.bbox] } },
  });
});

test('collection and root catalog are valid STAC', () => {
  expect(stacProblems(stacCollection('straßen', [SPATIAL, { ...SPATIAL, version: 1 }]))).toEqual([]);
  expect(stacProblems(stacCatalog(['straßen', 'prices']))).toEqual([]);
  expect(stacProblems(stacCatalog([]))).toEqual([]);
});

test('the schemas report invalid items', () => {
  expect(stacProblems({ ...stacItem(SPATIAL), bbox: [1, 2] })).not.toEqual([]);
  expect(stacProblems({ ...stacItem(SPATIAL), properties: {} })).not.toEqual([]);
});

test('every link resolves to the key of its document', () => {
  const item = stacItem(SPATIAL) as {
    links: { rel: string; href: string }[];
    assets: Record<string, { href: string }>;
  };
  const key = itemKey(SPATIAL.dataset_id, SPATIAL.version);
  const resolve = (href: string, from: string) =>
    decodeURIComponent(
      new URL(href, `http://lake/${from.split('/').map(encodeURIComponent).join('/')}`).pathname.slice(1),
    );
  expect(item.links.map(({ rel, href }) => [rel, resolve(href, key)])).toEqual([
    ['root', ROOT_KEY],
    ['parent', collectionKey('straßen')],
    ['collection', collectionKey('straßen')],
  ]);
  expect(resolve(item.assets.data?.href ?? '', key)).toBe(SPATIAL.s3_key);
  expect(resolve(item.assets.iso?.href ?? '', key)).toBe(isoKey(SPATIAL.s3_key));
  expect(relativeHref(ROOT_KEY, ROOT_KEY)).toBe('./catalog.json');
});
