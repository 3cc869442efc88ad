import { readFile } from 'node:fs/promises';
import { pointShapefile } from '../fixtures/shapefile.ts';
import { zipOf } from './archive.ts';
import { type BatchKind, raster, table, vector } from './batch.ts';

/** Batches whose runs must succeed: small and medium ones of every lane. */

const file = (path: string) => readFile(new URL(path, import.meta.url));
const [LAND_COVER, LANDSAT, COUNTRIES] = await Promise.all([
  file('../data/raster/lc.tif'),
  file('../data/raster/landsat.tif'),
  file('../../gateway/console/sample/countries.zip'),
]);
const WGS84 =
  'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]]';

/** The datasets that the joins use. They are ingested first. */
export const JOINED = { spatial: 'chaos-spatial', tabular: 'chaos-tabular' };

const SMALL = 10;
const MEDIUM = 8_000;
const MEDIUM_ROWS = 60_000;

const geojson = (n: number, features: number, geometry: (id: number) => unknown) =>
  JSON.stringify({
    type: 'FeatureCollection',
    features: Array.from({ length: features }, (_, id) => ({
      type: 'Feature',
      properties: { id, name: `größe ${n} ${id}` },
      geometry: geometry(id),
    })),
  });
const point = (id: number) => ({ type: 'Point', coordinates: [id % 170, id % 80] });
const VERTICES = 24;
const polygon = (id: number) => {
  const ring = Array.from({ length: VERTICES }, (_, k) => {
    const angle = (k / VERTICES) * 2 * Math.PI;
    return [(id % 160) + 0.4 * Math.cos(angle), (Math.floor(id / 160) % 80) + 0.4 * Math.sin(angle)];
  });
  return { type: 'Polygon', coordinates: [[...ring, ring[0]]] };
};
const rows = (n: number, count: number) =>
  `id,wert,größe\n${Array.from({ length: count }, (_, id) => `${id},${n + id / 4},é ${id % 97}`).join('\n')}\n`;

const worksheet = (n: number, count: number) =>
  `<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>id</t></is></c><c r="B1" t="inlineStr"><is><t>wert</t></is></c></row>${Array.from({ length: count }, (_, id) => `<row r="${id + 2}"><c r="A${id + 2}"><v>${id}</v></c><c r="B${id + 2}"><v>${n + id / 8}</v></c></row>`).join('')}</sheetData></worksheet>`;

/** The members of a workbook with one sheet. */
export function workbook(sheet: string, styles = ''): Buffer {
  const [types, relations, office] = [
    'http://schemas.openxmlformats.org/package/2006/content-types',
    'http://schemas.openxmlformats.org/package/2006/relationships',
    'http://schemas.openxmlformats.org/officeDocument/2006/relationships',
  ];
  const main = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main';
  const mime = 'application/vnd.openxmlformats-officedocument.spreadsheetml';
  const relation = (id: string, type: string, target: string) =>
    `<Relationship Id="${id}" Type="${office}/${type}" Target="${target}"/>`;
  return zipOf({
    '[Content_Types].xml': `<Types xmlns="${types}"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType="${mime}.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="${mime}.worksheet+xml"/></Types>`,
    '_rels/.rels': `<Relationships xmlns="${relations}">${relation('r1', 'officeDocument', 'xl/workbook.xml')}</Relationships>`,
    'xl/workbook.xml': `<workbook xmlns="${main}" xmlns:r="${office}"><sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>`,
    'xl/_rels/workbook.xml.rels': `<Relationships xmlns="${relations}">${relation('r1', 'worksheet', 'worksheets/sheet1.xml')}${relation('r2', 'styles', 'styles.xml')}</Relationships>`,
    'xl/styles.xml': `<styleSheet xmlns="${main}">${styles}<cellXfs><xf numFmtId="0"/></cellXfs></styleSheet>`,
    'xl/worksheets/sheet1.xml': sheet,
  });
}

const smallVector: BatchKind = (n) => ({
  kind: 'small GeoJSON',
  intent: 'ingest_vector',
  files: [vector('punkte #1.geojson', 'GeoJSON', geojson(n, SMALL, point))],
});
const smallTable: BatchKind = (n) => ({
  kind: 'small CSV',
  intent: 'ingest_tabular',
  files: [table('tabelle é.csv', 'CSV', rows(n, SMALL))],
});

/** The batches that JOINED names. */
export const JOIN_INPUTS = [
  { id: JOINED.spatial, batch: smallVector(0, undefined as never) },
  { id: JOINED.tabular, batch: smallTable(0, undefined as never) },
];

export const GOOD_KINDS: BatchKind[] = [
  smallVector,
  smallTable,
  (n) => ({
    kind: 'medium GeoJSON',
    intent: 'ingest_vector',
    files: [vector('flächen.geojson', 'GeoJSON', geojson(n, MEDIUM, polygon))],
  }),
  (n) => {
    const points = Array.from({ length: MEDIUM }, (_, id) => [id % 170, (n + id) % 80] as const);
    const { shp, shx, dbf } = pointShapefile(points, {});
    const body = zipOf({ 'p/ü.shp': shp, 'p/ü.shx': shx, 'p/ü.dbf': dbf, 'p/ü.prj': WGS84 });
    return {
      kind: 'shapefile of points',
      intent: 'ingest_vector',
      files: [vector('punkte.zip', 'ESRI Shapefile', body)],
    };
  },
  () => ({
    kind: 'shapefile of countries',
    intent: 'ingest_vector',
    files: [vector('länder.zip', 'ESRI Shapefile', COUNTRIES)],
  }),
  (n) => ({ kind: 'medium CSV', intent: 'ingest_tabular', files: [table('groß.csv', 'CSV', rows(n, MEDIUM_ROWS))] }),
  (n) => ({
    kind: 'workbook',
    intent: 'ingest_tabular',
    files: [table('mappe.xlsx', 'XLSX', workbook(worksheet(n, MEDIUM)))],
  }),
  () => ({ kind: 'small raster', intent: 'ingest_raster', files: [raster('lc.tif', LAND_COVER)] }),
  () => ({
    kind: 'mosaic',
    intent: 'ingest_raster',
    files: [raster('a.tif', LANDSAT), raster('b é.tif', LANDSAT)],
    metadata: { raster: { mosaic: true, target_crs: 'EPSG:4326' } },
  }),
  () => ({
    kind: 'join',
    intent: 'join_datasets',
    files: [],
    metadata: {
      join_config: {
        spatial_asset_id: `dataset:${JOINED.spatial}`,
        tabular_asset_id: `dataset:${JOINED.tabular}`,
        left_key: 'id',
        right_key: 'id',
        how: 'left',
      },
    },
  }),
];
