import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toGeoJson } from 'geoparquet';
import { compressors } from 'hyparquet-compressors';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PgPostgis } from '#shared/postgis/pg-postgis.ts';
import { createDatabase } from '../../../tests/servers.ts';
import epsg4326 from './epsg-4326.json' with { type: 'json' };
import { writeGeoParquet } from './write-geoparquet.ts';

/** Independent readers return the same features: geoparquet (JavaScript), geoarrow (Rust). */

const GEOMETRIES = [
  'POINT(1 2)',
  'LINESTRING(0 0,1 1,2 1)',
  'POLYGON((0 0,9 0,9 9,0 0),(5 1,6 1,6 2,5 1))',
  'MULTIPOINT((1 1),(2 2))',
  'MULTILINESTRING((0 0,1 1),(3 3,4 4))',
  'MULTIPOLYGON(((0 0,1 0,1 1,0 0)))',
  'GEOMETRYCOLLECTION(POINT(3 4))',
];
let database: Awaited<ReturnType<typeof createDatabase>>;
let folder: string;
let bytes: Buffer;
let polygons: Buffer;
let expected: { geometry: object; properties: object }[];

beforeAll(async () => {
  [database, folder] = await Promise.all([
    createDatabase({ postgis: true }),
    mkdtemp(join(tmpdir(), 'sluice-readers-')),
  ]);
  const postgis = new PgPostgis(database.url);
  const { signal } = new AbortController();
  const session = await postgis.openSession(
    { runId: '0d4a1f6e-2f64-8c11-9a3e-0123456789ab', step: 'export-geoparquet', token: 1 },
    signal,
  );
  await session.query(
    `create unlogged table processed as select n as sluice_fid, 'Nº ' || n as "größe", ST_GeomFromText(wkt, 4326) as geom from unnest(string_to_array($1, ';')) with ordinality as t(wkt, n)`,
    [GEOMETRIES.join(';')],
  );
  const file = await writeGeoParquet(
    session,
    { table: 'processed', geometryColumn: 'geom', crs: epsg4326 },
    { folder, name: 'asset.parquet' },
    signal,
  );
  bytes = await readFile(file.path);
  await session.query(`create view polygons as select * from processed where GeometryType(geom) = 'POLYGON'`);
  polygons = await readFile(
    (
      await writeGeoParquet(
        session,
        { table: 'polygons', geometryColumn: 'geom', crs: epsg4326 },
        { folder, name: 'polygons.parquet' },
        signal,
      )
    ).path,
  );
  expected = await session.query(
    'select ST_AsGeoJSON(geom)::json as geometry, json_build_object(\'größe\', "größe") as properties from processed order by geom, sluice_fid',
  );
  await session.close();
  await postgis.close();
});
afterAll(async () => {
  await database.drop();
  await rm(folder, { recursive: true, force: true });
});

test('geoparquet', async () => {
  const collection = await toGeoJson({
    file: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as never,
    compressors,
  });
  const features = (collection as unknown as { features: { geometry: object; properties: Record<string, unknown> }[] })
    .features;
  expect(features.map(({ geometry, properties: { größe } }) => ({ geometry, properties: { größe } }))).toEqual(
    expected,
  );
});

// This version of geoarrow panics on a column with several geometry types.
test('geoarrow', () => {
  const geoarrow = createRequire(import.meta.url)(
    '@geoarrow/geoparquet-wasm/node/index.js',
  ) as typeof import('@geoarrow/geoparquet-wasm/node/index.js');
  const table = geoarrow.readGeoParquet(polygons);
  expect(table.recordBatches().map((batch) => batch.numRows)).toEqual([1]);
  expect(table.schema.fieldWithName('größe').name()).toBe('größe');
  expect(table.schema.fieldWithName('geom').metadata().get('ARROW:extension:name')).toBe('geoarrow.polygon');
});
