import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { WRITE_ARCHIVES, WRITE_VIEW } from '../fixtures/hostile-files.ts';
import { pointShapefile } from '../fixtures/shapefile.ts';
import { zipOf } from './archive.ts';
import { type BatchKind, type ChaosBatch, raster, table, vector } from './batch.ts';
import { JOINED, workbook } from './good-batches.ts';
import type { Random } from './random.ts';

/** Batches that must fail with a code that names their fault. Most of them once ended or froze a process. */

const MEBIBYTE = 2 ** 20;
const COUNTIES = fileURLToPath(new URL('../data/vector/nc.shp', import.meta.url));

const manifest = (kind: string, text: string, ...codes: string[]): BatchKind => {
  return () => ({ kind, intent: 'ingest_vector', files: [], manifest: text, codes });
};
const ofVector =
  (
    kind: string,
    format: string,
    body: (random: Random) => Buffer | string,
    codes: string[],
    more: Partial<ChaosBatch> = {},
  ): BatchKind =>
  (_n, random) => ({
    kind,
    intent: 'ingest_vector',
    files: [vector(`feindlich é.${format.toLowerCase()}`, format, body(random))],
    codes,
    ...more,
  });
const ofTable =
  (kind: string, format: string, body: () => Buffer | string, codes: string[], tabular = {}): BatchKind =>
  () => ({
    kind,
    intent: 'ingest_tabular',
    files: [table(`feindlich é.${format.toLowerCase()}`, format, body())],
    metadata: { tabular },
    codes,
  });
const ofRaster = (kind: string, body: () => Buffer | string, ...codes: string[]): BatchKind => {
  return () => ({ kind, intent: 'ingest_raster', files: [raster('feindlich.tif', body())], codes });
};
const withFields = (kind: string, fields: Record<string, unknown>, metadata = {}): BatchKind => {
  return () => ({
    kind,
    intent: 'ingest_vector',
    files: [vector('a.geojson', 'GeoJSON', POINT, fields.files as object)],
    metadata,
    fields: Object.fromEntries(Object.entries(fields).filter(([name]) => name !== 'files')),
    codes: ['MANIFEST_INVALID'],
  });
};

const POINT = '{"type":"Feature","properties":{"a":1},"geometry":{"type":"Point","coordinates":[1,2]}}';
const collection = (features: string) => `{"type":"FeatureCollection","features":[${features}]}`;
/** A ring of random vertices. About a quarter of all pairs of its segments cross. */
const tangle = (random: Random) => {
  const ring = Array.from({ length: 6_000 }, () => [random.below(1e6) / 1e6, random.below(1e6) / 1e6]);
  return JSON.stringify({
    type: 'Feature',
    properties: {},
    geometry: { type: 'Polygon', coordinates: [[...ring, ring[0]]] },
  });
};
/** The header of a TIFF of 2^31 x 2^31 pixels without data. */
const hugeTiff = () => {
  const tag = (id: number, value: number) => {
    const bytes = Buffer.alloc(12);
    bytes.writeUInt16LE(id, 0);
    bytes.writeUInt16LE(4, 2);
    bytes.writeUInt32LE(1, 4);
    bytes.writeUInt32LE(value, 8);
    return bytes;
  };
  const tags = [
    tag(256, 2 ** 31 - 1),
    tag(257, 2 ** 31 - 1),
    tag(258, 8),
    tag(259, 1),
    tag(262, 1),
    tag(273, 8),
    tag(278, 1),
  ];
  return Buffer.concat([
    Buffer.from('II*\0\x08\0\0\0', 'latin1'),
    Buffer.from([tags.length, 0]),
    ...tags,
    Buffer.alloc(4),
  ]);
};
const randomShapes = (random: Random) => {
  const points = Array.from({ length: 200 }, (_, id) => [id % 90, id % 45] as const);
  const { shp, shx, dbf } = pointShapefile(points, {});
  for (let at = 100; at < shp.length; at += 1) shp[at] = random.below(256);
  return zipOf({ 'a.shp': shp, 'a.shx': shx, 'a.dbf': dbf });
};
const UNREADABLE = ['FILE_UNREADABLE', 'FORMAT_MISMATCH', 'FILE_INCOMPLETE', 'GEOMETRY_INVALID'];

/** Polygons, of which the last one is cut off. */
const LATE_FAULT = `{"type":"FeatureCollection","features":[${Array.from({ length: 30_000 }, (_, id) => {
  const ring = Array.from({ length: 24 }, (_, at) => [id % 160, at / 8]).map((point) => `[${point.join()}.${id}]`);
  return `{"type":"Feature","properties":{"id":${id}},"geometry":{"type":"Polygon","coordinates":[[${ring.join()},${ring[0]}]]}}`;
}).join()},{"type":"Fea`;
/** Rows, of which the last one has text in a column of numbers. */
const LATE_ROW = `id,wert\n${Array.from({ length: 400_000 }, (_, id) => `${id},é ${id / 8}\n`).join('')}zwölf,1\n`;

/** Makes the files that other programs must write, and returns the kinds of hostile batches. */
export async function hostileKinds(): Promise<BatchKind[]> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-chaos-'));
  try {
    const view = async (select: string, comments: number) => {
      const path = join(folder, 'view.gpkg');
      await rm(path, { force: true });
      await execa('ogr2ogr', [path, COUNTIES]);
      await execa('python3', ['-c', WRITE_VIEW, path, select, String(comments)]);
      return readFile(path);
    };
    const endless = await view(
      'select a.fid, a.geom from nc a, nc b, nc c, nc d, nc e, nc f where a.fid + b.fid + c.fid + d.fid + e.fid + f.fid < 0',
      0,
    );
    const comments = await view('select fid, geom from nc', 2_000_000);
    await execa('python3', ['-c', WRITE_ARCHIVES, folder, COUNTIES.slice(0, -4)]);
    const [bomb, link] = await Promise.all(['bomb', 'link'].map((name) => readFile(join(folder, `${name}.zip`))));
    const ofView = (kind: string, body: Buffer, codes: string[]): BatchKind => {
      return () => ({ kind, intent: 'ingest_vector', files: [vector('v.gpkg', 'GPKG', body, { layer: 'v' })], codes });
    };
    return [
      ...plainKinds,
      ofView('endless view', endless, ['LAYER_NOT_TABLE']),
      ofView('view with 2 million comments', comments, ['LAYER_NOT_TABLE', 'FILE_TOO_LARGE', 'FILE_UNREADABLE']),
      ofVector('zip bomb', 'zip', () => bomb!, ['ARCHIVE_UNSAFE'], {}),
      ofVector('zip with a link', 'zip', () => link!, ['ARCHIVE_UNSAFE']),
    ].map(
      (kind): BatchKind =>
        (n, random) =>
          asShapefile(kind(n, random)),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Archives are declared as shapefiles. */
function asShapefile(batch: ChaosBatch): ChaosBatch {
  const files = batch.files.map((file) => (file.format === 'zip' ? { ...file, format: 'ESRI Shapefile' } : file));
  return { ...batch, files };
}

const plainKinds: BatchKind[] = [
  manifest('broken manifest', '{"batch_id": "x", ', 'MANIFEST_NOT_JSON'),
  manifest(
    'repeated keys',
    `{\n${'"a":0,\n'.repeat(MEBIBYTE / 7 - 10)}"a":0}`,
    'MANIFEST_INVALID',
    'MANIFEST_NOT_JSON',
  ),
  manifest('deep manifest', '['.repeat(500_000), 'MANIFEST_NOT_JSON', 'MANIFEST_INVALID'),
  manifest('large manifest', ' '.repeat(1.5 * MEBIBYTE), 'MANIFEST_TOO_LARGE'),
  manifest('binary manifest', '\u0000\u0001', 'MANIFEST_NOT_JSON'),
  withFields('long dataset id', {}, { tags: { dataset_id: '漢'.repeat(100) } }),
  withFields('invisible uploader', { uploader: '\u202e' }),
  withFields('field without effect', { files: { x_column: 'a' } }),
  () => ({
    kind: 'missing file',
    intent: 'ingest_vector',
    files: [],
    fields: { files: [{ path: 's3://landing-zone/none/a.geojson', type: 'vector', format: 'GeoJSON' }] },
    codes: ['FILE_MISSING'],
  }),
  ofVector('text as GeoPackage', 'GPKG', () => 'not a GeoPackage', UNREADABLE),
  ofVector('cut GeoJSON', 'GeoJSON', () => '{"type":"FeatureCollection","features":[{"type":"Fea', UNREADABLE),
  ofVector('tangle', 'GeoJSON', (random) => collection(tangle(random)), ['GEOMETRY_TOO_COMPLEX']),
  ofVector('NaN', 'GeoJSON', () => collection(POINT.replace('1,2', 'NaN,NaN')), UNREADABLE),
  ofVector('random shapes', 'zip', randomShapes, [...UNREADABLE, 'CRS_MISSING'], {}),
  ofVector('lines of a .tab', 'TAB', () => `!table\n!version 300\n${'\n'.repeat(MEBIBYTE)}`, UNREADABLE),
  ofVector(
    'entities',
    'KML',
    () =>
      '<?xml version="1.0"?><!DOCTYPE kml [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><kml><Document><name>&b;</name></Document></kml>',
    ['FILE_FORBIDDEN_CONTENT'],
  ),
  ofTable('blanks', 'CSV', () => `id,a\n1,"${' '.repeat(200_000)}x"\n`, ['ROWS_REJECTED'], {
    columns: { a: 'bigint' },
    max_rejected_rows: 0,
  }),
  ofTable('UTF-16 without text', 'CSV', () => Buffer.from([0xff, 0xfe, 0x00, 0x80, 0x0a]), ['ENCODING_INVALID']),
  ofTable('many columns', 'CSV', () => `${Array.from({ length: 30_000 }, (_, n) => `c${n}`).join(',')}\n`, [
    'TOO_MANY_COLUMNS',
  ]),
  ofTable('text as workbook', 'XLSX', () => 'PK but no workbook', ['ARCHIVE_UNREADABLE']),
  ofTable('long styles', 'XLSX', () => workbook('', `<numFmts>${'<numFmt '.repeat(80_000)}`), UNREADABLE),
  // These compute for a second or more before they fail.
  ofVector('late fault in a GeoJSON', 'GeoJSON', () => LATE_FAULT, UNREADABLE),
  ofTable('late fault in a CSV', 'CSV', () => LATE_ROW, ['ROWS_REJECTED'], {
    columns: { id: 'bigint' },
    max_rejected_rows: 0,
  }),
  ofRaster('text as TIFF', () => 'not a raster', ...UNREADABLE),
  ofRaster(
    'virtual raster',
    () =>
      '<VRTDataset rasterXSize="1" rasterYSize="1"><VRTRasterBand><SimpleSource><SourceFilename>/etc/passwd</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>',
    'FILE_FORBIDDEN_CONTENT',
  ),
  ofRaster('huge TIFF', hugeTiff, ...UNREADABLE, 'FILE_TOO_LARGE'),
  () => ({
    kind: 'join with an unknown dataset',
    intent: 'join_datasets',
    files: [],
    metadata: {
      join_config: {
        spatial_asset_id: `dataset:${JOINED.spatial}`,
        tabular_asset_id: 'dataset:chaos-none',
        left_key: 'id',
        right_key: 'id',
      },
    },
    codes: ['ASSET_NOT_FOUND', 'DATASET_NOT_FOUND'],
  }),
];
