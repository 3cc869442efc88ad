import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LandingFixture, openLandingFixture } from '../../tests/fixtures/landing.ts';

/** Random rows arrive with the bits that the file stores. */

let landing: LandingFixture;
beforeAll(async () => {
  landing = await openLandingFixture();
});
afterAll(() => landing[Symbol.asyncDispose]());

const RUNS = 2;
const finite = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0); // -0 + 0 is 0.
const rows = fc.array(
  fc.record({
    d: finite,
    i: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
    s: fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0')),
    x: fc.double({ min: -180, max: 180, noNaN: true }),
    y: fc.double({ min: -90, max: 90, noNaN: true }),
  }),
  { minLength: 20, maxLength: 60 },
);
type Row = { d: number; i: bigint; s: string; x: number; y: number };

const bits = (value: number) => {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return bytes.toString('hex');
};

/** A GeoPackage point: header without envelope, WKB. */
function blob({ x, y }: Row): Buffer {
  const bytes = Buffer.alloc(29);
  bytes.write('GP');
  bytes.writeUInt8(1, 3);
  bytes.writeInt32LE(4326, 4);
  bytes.writeUInt8(1, 8);
  bytes.writeUInt32LE(1, 9);
  bytes.writeDoubleLE(x, 13);
  bytes.writeDoubleLE(y, 21);
  return bytes;
}

async function writeGeoPackage(name: string, data: readonly Row[]): Promise<string> {
  const template = await landing.file('template.geojson', '{"type":"Point","coordinates":[1,2]}');
  const made = await landing.make(name, '-nln', 'rows', '-nlt', 'POINT', template);
  using database = new DatabaseSync(made);
  for (const trigger of database.prepare("select name from sqlite_master where type = 'trigger'").all())
    database.exec(`drop trigger "${String(trigger.name)}"`);
  database.exec('delete from rows; alter table rows add d real; alter table rows add i integer');
  database.exec('alter table rows add s text');
  const insert = database.prepare('insert into rows (geom, d, i, s) values (?, ?, ?, ?)');
  for (const row of data) insert.run(blob(row), row.d, row.i, row.s);
  return made;
}

function geoJson(data: readonly Row[]): string {
  const features = data.map(
    ({ d, i, s, x, y }) =>
      `{"type":"Feature","properties":{"d":${d.toExponential()},"i":${i},"s":${JSON.stringify(s)}},` +
      `"geometry":{"type":"Point","coordinates":[${x},${y}]}}`,
  );
  return `{"type":"FeatureCollection","features":[${features.join(',')}]}`;
}

test.each(['GPKG', 'FlatGeobuf', 'GeoJSON'])('random rows keep their bits in %s', async (format) => {
  let number = 0;
  await fc.assert(
    fc.asyncProperty(rows, async (data) => {
      number++;
      const geoPackage = format === 'GeoJSON' ? '' : await writeGeoPackage(`random-${format}-${number}.gpkg`, data);
      const path =
        format === 'GPKG'
          ? await landing.upload(geoPackage)
          : format === 'GeoJSON'
            ? await landing.put(`random-${number}.geojson`, geoJson(data))
            : await landing.upload(
                await landing.make(`random-${number}.fgb`, '-lco', 'SPATIAL_INDEX=NO', '-unsetFid', geoPackage),
              );
      const loaded = await landing.load({ path, format });
      const sql = `select encode(float8send(d::float8), 'hex') as d, i::text, s, encode(float8send(st_x(geom)), 'hex') as x,
        encode(float8send(st_y(geom)), 'hex') as y from raw_data order by sluice_fid`;
      expect(await loaded.query(sql)).toEqual(
        data.map(({ d, i, s, x, y }) => ({ d: bits(d), i: String(i), s, x: bits(x), y: bits(y) })),
      );
    }),
    { numRuns: RUNS },
  );
});
