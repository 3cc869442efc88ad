import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LandingFixture, openLandingFixture } from '../../tests/fixtures/landing.ts';
import { FORMAT_WRITERS, type RandomRow, randomRows } from '../../tests/fixtures/random-rows.ts';

/** Random rows arrive with the bits that the file stores. */

let landing: LandingFixture;
beforeAll(async () => {
  landing = await openLandingFixture();
});
afterAll(() => landing[Symbol.asyncDispose]());

/** Few, so that the test takes seconds. */
const RUNS = Number(process.env.PROPERTY_RUNS ?? 2);

const bits = (value: number) => {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return bytes.toString('hex');
};

/** The columns that are compared, as SQL of their bits or their text. */
const COLUMNS: Record<keyof RandomRow, { column: string; sql: (column: string) => string }> = {
  d: { column: 'd', sql: (column) => `encode(float8send(${column}::float8), 'hex')` },
  i: { column: 'i', sql: (column) => `${column}::text` },
  s: { column: 's', sql: (column) => column },
  x: { column: 'st_x(geom)', sql: (column) => `encode(float8send(${column}), 'hex')` },
  y: { column: 'st_y(geom)', sql: (column) => `encode(float8send(${column}), 'hex')` },
};

test.each(FORMAT_WRITERS)('random rows keep their bits in $format', async (writer) => {
  const { format, write, isText = () => true, text = (same: string) => same, columns = {} } = writer;
  const compared = (Object.keys(COLUMNS) as (keyof RandomRow)[]).filter(
    (name) => !(name in columns) || columns[name] !== undefined,
  );
  const select = compared.map((name) => `${COLUMNS[name].sql(columns[name] ?? COLUMNS[name].column)} as ${name}`);
  let number = 0;
  await fc.assert(
    fc.asyncProperty(randomRows(isText), async (rows) => {
      const path = await write(landing, `random-${format.replaceAll(' ', '-')}-${++number}`, rows);
      const loaded = await landing.load({ path, format });
      const found = await loaded.query(`select ${select.join(', ')} from raw_data order by sluice_fid`);
      const expected = rows.map(({ d, i, s, x, y }) => {
        const all = { d: bits(d), i: String(i), s: text(s), x: bits(x), y: bits(y) };
        return Object.fromEntries(compared.map((name) => [name, all[name]]));
      });
      expect(found).toEqual(expected);
    }),
    { numRuns: RUNS, endOnFailure: true }, // To shrink the rows takes minutes.
  );
});
