import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LandingFixture, openLandingFixture } from '../../../tests/fixtures/landing.ts';

let landing: LandingFixture;
beforeAll(async () => {
  landing = await openLandingFixture();
});
afterAll(() => landing[Symbol.asyncDispose]());

async function load(texts: readonly string[], fields: object = {}, tabular?: object) {
  const paths: string[] = [];
  for (const [index, text] of texts.entries()) paths.push(await landing.put(`points ${index} é.csv`, text));
  const loaded = await landing.load(
    paths.map((path) => ({ path, format: 'CSV', crs: 'EPSG:4326', ...fields })),
    tabular,
  );
  const rows = await loaded.query('select to_jsonb(r) as row from (select * from raw_data order by sluice_fid) as r');
  const values = rows.map(({ row }) => row as Record<string, unknown>);
  return { loaded, values, types: Object.fromEntries(loaded.columns.map(({ name, type }) => [name, type])) };
}

test.each<[string, string, string, string, unknown[]]>([
  ['whole numbers and decimals', '5', '0.5', 'double precision', [5, 0.5]],
  ['no values and whole numbers', '', '7', 'bigint', [null, 7]],
  ['numbers and codes with leading zeros', '12', '007', 'character varying', ['12', '007']],
  ['doubles and longer numbers', '1.5', '0.12345678901234567891', 'numeric(21,20)', [1.5, 0.12345678901234568]],
])('a column has a type for all files: %s', async (_, first, second, type, values) => {
  const found = await load([`lon,lat,v\n1,2,${first}\n`, `v,lat,lon\n${second},50.5,3.5\n`]);
  expect(found.types).toEqual({ lon: 'double precision', lat: 'double precision', v: type });
  expect(found.values.map(({ v }) => v)).toEqual(values);
  expect(found.values.map(({ geom }) => (geom as { coordinates: number[] }).coordinates)).toEqual([
    [1, 2],
    [3.5, 50.5],
  ]);
});

test('a column whose values differ between files is text, with a note that names the files', async () => {
  const { loaded, types } = await load(['lon,lat,v\n1,2,true\n', 'lon,lat,v\n1,2,3\n']);
  expect(types.v).toBe('character varying');
  expect(loaded.notes).toMatchObject([
    {
      code: 'COLUMN_IS_TEXT',
      column: 'v',
      message: expect.stringMatching(
        /^Column "v" is text: it has booleans in .+0 é\.csv, and numbers in .+1 é\.csv\. /,
      ) as string,
    },
  ]);
});

test('rows of all files are rejected for their coordinates, and for declared types, once', async () => {
  const { loaded, values } = await load(
    ['lon,lat,n\n1,2,x\n1,2,2\n', 'lon,lat,n\n1,2,3\neast,2,4\n'],
    {},
    { columns: { n: 'bigint' }, max_rejected_rows: 2 },
  );
  expect(values.map(({ n }) => n)).toEqual([2, 3]);
  expect(loaded.rejected_rows).toMatchObject({ count: 2, sample: [{ line: 2 }, { line: 3 }] });
});

test.each([undefined, { columns: { lon: 'double' } }])(
  'coordinates that are not finite reject their rows: %j',
  async (tabular) => {
    const { loaded, values } = await load(['lon,lat,n\n1,2,a\nnan,2,b\n3,4,c\n-inf,4,d\n'], {}, tabular);
    expect(values.map(({ n }) => n)).toEqual(['a', 'c']);
    expect(loaded.rejected_rows).toMatchObject({ count: 2, sample: [{ line: 3 }, { line: 5 }] });
  },
);

test('files of WKT with columns in another order are one table', async () => {
  const { values } = await load(['wkt,a\nPOINT(1 2),x\n', 'a,wkt\ny,POINT(3 4)\n']);
  expect(values.map(({ a, geom }) => [a, (geom as { coordinates: number[] }).coordinates])).toEqual([
    ['x', [1, 2]],
    ['y', [3, 4]],
  ]);
});

test('files with different columns are an error that names them', async () => {
  await expect(load(['lon,lat,v\n1,2,3\n', 'lon,lat,w\n1,2,3\n'])).rejects.toMatchObject({
    code: 'COLUMNS_DIFFER',
    message: expect.stringContaining('"v" is only in the first, "w" is only in the second') as string,
  });
});
