import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LandingFixture, openLandingFixture } from '../../../tests/fixtures/landing.ts';

let landing: LandingFixture;
beforeAll(async () => {
  landing = await openLandingFixture();
});
afterAll(() => landing[Symbol.asyncDispose]());

/** Loads a CSV with one column of values. Returns the type and the values as PostgreSQL prints them. */
async function loadValues(values: readonly string[]): Promise<{ type: string | undefined; values: unknown[] }> {
  const rows = values.map((value) => `1,2,"${value.replaceAll('"', '""')}"`);
  const path = await landing.put(`values ${values.join(' ').length} é.csv`, `x,y,v\n${rows.join('\n')}\n`);
  const loaded = await landing.load({ path, format: 'CSV', crs: 'EPSG:4326' });
  const found = await loaded.query('select v::text from raw_data order by sluice_fid');
  return { type: loaded.columns.find(({ name }) => name === 'v')?.type, values: found.map(({ v }) => v) };
}

test.each([
  ['bigint', ['9223372036854775807', '-9223372036854775808'], undefined],
  ['character varying', ['9223372036854775808', '1'], undefined],
  ['character varying', ['007', '8'], undefined],
  ['character varying', ['+49', '8'], undefined],
  ['double precision', ['0.10000000000000001', '1.000000000000000056e-01', '1.', '.5'], ['0.1', '0.1', '1', '0.5']],
  ['character varying', ['1e400', '1.5'], undefined],
  ['character varying', ['1e-400', '1.5'], undefined],
  ['double precision', ['5e-324', '0e-400', '-0.0'], ['5e-324', '0', '-0']],
  ['numeric(19,2)', ['12345678901234567.25', '-0.5'], ['12345678901234567.25', '-0.50']],
  ['character varying', ['2024-02-30', '2024-02-29'], undefined],
  ['character varying', ['0000-01-01', '2024-02-29'], undefined],
  ['date', ['0001-01-01', '9999-12-31'], undefined],
  ['timestamp with time zone', ['2024-01-01T10:00+15:59', '2024-01-01 10:00:00.5Z'], undefined],
  ['character varying', ['2024-01-01T10:00+16:00', '2024-01-01T10:00Z'], undefined],
  ['timestamp without time zone', ['2024-01-01T24:00', '0001-01-01 00:00:00'], undefined],
  ['boolean', ['TRUE', 'false'], ['true', 'false']],
  ['character varying', ['yes', 'no'], undefined],
  ['character varying', [`1${'0'.repeat(200)}`, '1'], undefined],
  ['character varying', ['a\nb', '"', '\u001f', ''], ['a\nb', '"', '\u001f', '']],
])('a column is of type %s for the values %j', async (type, values, printed) => {
  const loaded = await loadValues(values);
  expect(loaded.type).toBe(type);
  if (type === 'character varying' || printed !== undefined) expect(loaded.values).toEqual(printed ?? values);
});
