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

test('collection and root catalog are valid STAC, with and without assets that have coordinates', () => {
  expect(stacProblems(stacCollection('straßen', [SPATIAL, { ...SPATIAL, version: 1 }]))).toEqual([]);
  expect(stacProblems(stacCollection('prices', [TABULAR]))).toEqual([]);
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
