import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openLockedDatabase } from '#shared/databases/locked-duckdb.ts';
import { type ColumnType, ledgerType, type ValueType } from '#shared/contracts/column-types.ts';
import { stageDelimited, stagedTableSql, stagedValuesSql } from '../stage-rows.ts';
import { inferTypes, type InferredTypes } from './infer-types.ts';
import { candidateTypes } from './value-types.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice types é#'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Infers the type of one column of values. The candidates are those of the first `sampleRows` values. */
async function infer(
  values: readonly string[],
  { declared, sampleRows = values.length }: { declared?: ValueType; sampleRows?: number } = {},
): Promise<InferredTypes> {
  const { signal } = new AbortController();
  async function* text() {
    yield await Promise.resolve(Buffer.from(values.map((value) => `"${value}"\n`).join('')));
  }
  const staged = await stageDelimited(text(), join(folder, 'rows'), { header: false, delimiter: ',' }, 'x.csv', signal);
  const column = {
    name: 'v',
    position: 0,
    ...(declared === undefined ? {} : { declared }),
    candidates: candidateTypes(values.slice(0, sampleRows), [], { decimal: '.' }),
    escaped: staged.escaped[0] === true,
  };
  const table = {
    columns: [column],
    rowsSql: stagedTableSql(staged),
    valuesSql: stagedValuesSql(staged),
    rowCount: staged.rows,
    notation: { decimal: '.' as const },
    nullValues: [],
    rejected: staged.rejected,
  };
  using database = await openLockedDatabase(folder, { threads: 2, preserveOrder: false });
  return inferTypes(database, [table], signal);
}

const typeOf = ({ types }: InferredTypes) => ledgerType(types[0] as ColumnType);

test.each<[string, string[]]>([
  ['bigint', ['0', '-12', '9223372036854775807', '-9223372036854775808']],
  ['text', ['9223372036854775808']],
  ['text', ['007', '1']],
  ['text', ['+49', '1']],
  ['double precision', ['-0', '1']],
  ['double precision', ['1.50', '1', '-.5', '2.', '1e-5', '1E+300']],
  ['double precision', ['0.10000000000000001', '1.000000000000000056e-01', '3.1415926535897930E-08']],
  ['double precision', ['0e-400', '0.0', '5e-324']],
  ['double precision', ['9007199254740992', '0.1']],
  ['double precision', ['-123456789012345', '0.1']],
  ['numeric(17,1)', ['9007199254740993', '0.1']],
  ['text', ['1.5', '1e400']],
  ['text', ['1.5', '-1e-400']],
  ['text', ['1.5', 'nan']],
  ['text', ['1.5', '1,5']],
  ['numeric(21,2)', ['1234567890123456789.25', '-.5']],
  ['numeric(18,18)', ['0.123456789012345678', '0']],
  ['text', ['123456789012345678901234567890123456789.5']],
  ['date', ['2024-02-29', '0001-01-01', '9999-12-31']],
  ['text', ['2024-02-30']],
  ['text', ['0000-01-01']],
  ['text', ['2024-1-5']],
  ['timestamp without time zone', ['2024-01-31T10:00', '2024-01-31 10:00:30.123456']],
  ['text', ['2024-01-31T10:00', '2024-01-31']],
  ['timestamp with time zone', ['2024-01-31T10:00Z', '2024-01-31 10:00:00+02', '2024-01-31 10:00:00-1559']],
  ['text', ['2024-01-31T10:00+16:00']],
  ['boolean', ['true', 'FALSE', 'True']],
  ['text', ['true', 'no']],
  ['text', ['', '']],
  ['bigint', ['', '5']],
])('a column is of type %s for the values %j', async (type, values) => {
  expect(typeOf(await infer(values))).toBe(type);
  expect(typeOf(await infer(values, { sampleRows: 0 }))).toBe(type);
});

test('values after the sample decide the type', async () => {
  expect(typeOf(await infer(['1', '2.5'], { sampleRows: 1 }))).toBe('double precision');
  expect(typeOf(await infer(['1', 'x'], { sampleRows: 1 }))).toBe('text');
});

test('rows that cannot be read as the declared type are rejected', async () => {
  const inferred = await infer(['yes', '1', 'x', 'F'], { declared: 'boolean' });
  expect(inferred).toMatchObject({ types: [{ type: 'boolean' }], rowCounts: [3] });
  expect(inferred.tables[0]?.rejected).toEqual({
    count: 1,
    sample: [{ line: 3, reason: 'has "x" in column "v" of type boolean' }],
  });
});

test.each([
  [['2024-01-31', '2024-02-30'], 'line 2 has "2024-02-30", which is not in the range of date.'],
  [['1.5', '1e400'], 'line 2 has "1e400", which is not in the range of double precision.'],
])('the note about %j names the value that is out of range', async (values, reason) => {
  const { notes } = await infer(values);
  expect(notes).toEqual([{ code: 'COLUMN_IS_TEXT', column: 'v', message: `Column "v" is text, because ${reason}` }]);
});

test('the note about a value after the sample names the type of the sample', async () => {
  const { notes } = await infer(['1', '2', 'x'], { sampleRows: 2 });
  expect(notes[0]?.message).toBe(
    'Column "v" is text, because line 3 has "x". The values at the beginning of the file are of type bigint.',
  );
});
