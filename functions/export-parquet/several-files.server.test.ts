import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTabularFixture, type TabularFixture } from '../../tests/fixtures/tabular.ts';
import { type Cell, makeWorkbook } from '../../tests/fixtures/workbook.ts';

let fixture: TabularFixture;
beforeAll(async () => {
  fixture = await openTabularFixture();
});
afterAll(() => fixture[Symbol.asyncDispose]());

test('several files with the same columns are one table in the order of the manifest, with types that fit all files', async () => {
  const { rows, types, asset } = await fixture.ingest([
    { name: 'a.csv', body: 'id,n\n1,5\n' },
    { name: 'b.csv', body: 'n;id\n1.5;2\n;3\n' },
    { name: 'c.jsonl', body: '{"id": 4, "n": 7}\n{"id": 5}\n', format: 'JSONL' },
  ]);
  expect(types).toEqual({ id: 'bigint', n: 'double precision' });
  expect(rows).toEqual([
    { id: 1n, n: 5 },
    { id: 2n, n: 1.5 },
    { id: 3n, n: null },
    { id: 4n, n: 7 },
    { id: 5n, n: null },
  ]);
  expect(asset.sources.map(({ format, row_count }) => [format, row_count])).toEqual([
    ['CSV', 1],
    ['CSV', 2],
    ['JSONL', 2],
  ]);
});

const DAY = { value: 45_322, format: 'yyyy-mm-dd' };
const MOMENT = { value: 45_322.5, format: 'yyyy-mm-dd hh:mm' };

test.each<[string, Cell, Cell, string, unknown[], string[]]>([
  ['no value and a number', null, 5, 'bigint', [null, 5n], []],
  [
    'dates and dates with a time',
    DAY,
    MOMENT,
    'timestamp without time zone',
    [new Date('2024-01-31T00:00:00Z'), new Date('2024-01-31T12:00:00Z')],
    [],
  ],
  ['dates and texts', DAY, 'soon', 'text', ['2024-01-31', 'soon'], ['it has dates in', 'and texts in']],
  ['dates with a time and texts', MOMENT, 'x', 'text', ['2024-01-31T12:00:00', 'x'], ['it has dates with a time in']],
  ['numbers and texts', 5, 'n/a', 'text', ['5', 'n/a'], ['it has numbers in', 'and texts in']],
])('a column of several workbooks has a type for all of them: %s', async (_, first, second, type, values, message) => {
  const file = (name: string, cell: Cell) => {
    const body = makeWorkbook([
      ['id', 'date', 'v'],
      [1, DAY, cell],
    ]);
    return { name, body, format: 'XLSX' };
  };
  const { rows, types, asset } = await fixture.ingest([file('a.xlsx', first), file('b.xlsx', second)]);
  expect(types.v).toBe(type);
  expect(rows.map(({ v }) => v)).toEqual(values);
  expect(asset.rejected_rows?.count).toBe(0);
  const notes = asset.quality.notes.filter(({ column }) => column === 'v');
  expect(notes.map(({ code }) => code)).toEqual(message.length === 0 ? [] : ['COLUMN_IS_TEXT']);
  for (const part of message) expect(notes[0]?.message).toContain(part);
});

test.each([
  ['no value and a number', 'null', '5', 'bigint', [null, 5n], []],
  [
    'objects and strings',
    '{"x":1}',
    '"abc"',
    'text',
    ['{"x":1}', 'abc'],
    ['it has objects or lists in', 'and texts in'],
  ],
])('a column of several JSON lines has a type for all files: %s', async (_, first, second, type, values, message) => {
  const file = (name: string, v: string) => ({ name, body: `{"id":1,"v":${v}}\n`, format: 'JSONL' });
  const { rows, types, asset } = await fixture.ingest([file('a.jsonl', first), file('b.jsonl', second)]);
  expect(types.v).toBe(type);
  expect(rows.map(({ v }) => v)).toEqual(values);
  for (const part of message) expect(asset.quality.notes[0]?.message).toContain(part);
  expect(asset.quality.notes).toHaveLength(message.length === 0 ? 0 : 1);
});

test('the error for files with different columns lists the differences', async () => {
  await expect(
    fixture.ingest([
      { name: 'a.csv', body: 'id,n\n1,5\n' },
      { name: 'b.csv', body: 'id,m\n1,5\n' },
    ]),
  ).rejects.toMatchObject({
    code: 'COLUMNS_DIFFER',
    message: expect.stringContaining('"n" is only in the first, "m" is only in the second') as string,
  });
});
