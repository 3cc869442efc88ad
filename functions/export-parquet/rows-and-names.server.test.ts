import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTabularFixture, type TabularFixture } from '../../tests/fixtures/tabular.ts';

let fixture: TabularFixture;
beforeAll(async () => {
  fixture = await openTabularFixture();
});
afterAll(() => fixture[Symbol.asyncDispose]());

const csv = (body: string | Buffer, name = 'prices é #1.csv') => ({ name, body });

/** Which rows of a file are data, header or rejected, and the names of the columns. */

test('rows with a value that is not of the declared type, or another number of values, are rejected by line', async () => {
  const { rows, asset } = await fixture.ingest(
    csv('id,note,qty\n1,"two\nlines",5\n2,x\n3,y,abc\n4,z,1.5\n5,w,6\n6,v,99999999999999999999\n'),
    { columns: { qty: 'bigint' }, max_rejected_rows: 4 },
  );
  expect(rows).toEqual([
    { id: 1n, note: 'two\nlines', qty: 5n },
    { id: 5n, note: 'w', qty: 6n },
  ]);
  expect(asset).toMatchObject({
    row_count: 2,
    sources: [{ row_count: 2 }],
    rejected_rows: {
      count: 4,
      sample: [
        { line: 4, reason: 'has 2 values instead of 3' },
        { line: 5, reason: 'has "abc" in column "qty" of type bigint' },
        { line: 6, reason: 'has "1.5" in column "qty" of type bigint' },
        { line: 8, reason: 'has "99999999999999999999" in column "qty" of type bigint' },
      ],
    },
    quality: {
      notes: [
        {
          code: 'ROWS_REJECTED',
          message: '4 rows were rejected. The first: line 4 has 2 values instead of 3.',
        },
      ],
    },
  });
});

test('more rejected rows than the manifest allows fail the run; the default limit is 10 or 1 %, and never most of them', async () => {
  const bad = (count: number, good = 5) => csv(`a,b\n${'1,2\n'.repeat(good)}${'1\n'.repeat(count)}`);
  await expect(fixture.ingest(bad(3), { max_rejected_rows: 2 })).rejects.toMatchObject({
    code: 'ROWS_REJECTED',
    message: expect.stringMatching(
      /^3 of 8 rows of s3:.+\.csv cannot be read; at most 2 may be rejected \(metadata\.tabular\.max_rejected_rows, --max-rejected\): line 7 has 1 value instead of 2; line 8 has 1 value instead of 2; line 9 has 1 value instead of 2\.$/,
    ) as string,
    details: { count: 3, allowed: 2, line: 7 },
  });
  expect((await fixture.ingest(bad(10, 20))).asset.rejected_rows?.count).toBe(10);
  await expect(fixture.ingest(bad(11, 20))).rejects.toMatchObject({ code: 'ROWS_REJECTED' });
  await expect(fixture.ingest(bad(6))).rejects.toMatchObject({ code: 'ROWS_REJECTED' });
  await expect(fixture.ingest(csv('a,b\n1\n'))).rejects.toMatchObject({
    code: 'ROWS_REJECTED',
    message: expect.stringContaining('no row is left') as string,
  });
});

test('the error for a declared column that is missing lists the columns of the file', async () => {
  await expect(fixture.ingest(csv('id,preis\n1,2\n'), { columns: { price: 'double' } })).rejects.toMatchObject({
    code: 'COLUMN_MISSING',
    message: expect.stringContaining(
      'has no column "price", which metadata.tabular.columns declares. Its columns are "id", "preis".',
    ) as string,
  });
});

test('names are kept; names that are empty, taken or too long are changed, with notes', async () => {
  const { asset, metadata } = await fixture.ingest(
    csv(`,größe,Größe,select,"a ""b""\nc",'; drop table x; --,2010,🎉,${'x'.repeat(70)}\n1,2,3,4,5,6,7,8,9\n`),
    { header: true },
  );
  const names = [
    'column_1',
    'größe',
    'Größe_1',
    'select',
    'a "b"\nc',
    "'; drop table x; --",
    '2010',
    '🎉',
    `${'x'.repeat(61)}_1`,
  ];
  expect(asset.columns.map(({ name }) => name)).toEqual(names);
  expect(metadata.schema.slice(1).map(({ name }) => name)).toEqual(names);
  expect(asset.quality.notes.map(({ code, column }) => [code, column])).toEqual([
    ['COLUMN_RENAMED', 'column_1'],
    ['COLUMN_RENAMED', 'Größe_1'],
    ['COLUMN_RENAMED', `${'x'.repeat(61)}_1`],
  ]);
});

test('the separator line of Excel is not a row, but it is counted as a line', async () => {
  expect(await fixture.ingest(csv('\ufeffsep=;\r\nid;n\r\n1;2,5\r\n2\r\n'))).toMatchObject({
    rows: [{ id: 1n, n: '2,5' }],
    asset: { rejected_rows: { sample: [{ line: 4 }] } },
  });
});

test('without a header columns are numbered, with a note', async () => {
  expect(await fixture.ingest(csv('Zürich,47.4\nGenève,46.2\n'))).toMatchObject({
    types: { column_1: 'text', column_2: 'double precision' },
    asset: { row_count: 2, quality: { notes: [{ code: 'HEADER_ABSENT' }] } },
  });
  expect(await fixture.ingest(csv('name,city\nAna,Bern\n'), { header: false })).toMatchObject({
    rows: [{ column_1: 'name', column_2: 'city' }, {}],
    asset: { quality: { notes: [] } },
  });
});

test('a table without rows', async () => {
  expect(await fixture.ingest(csv('id,name\n'))).toMatchObject({
    rows: [],
    types: { id: 'text', name: 'text' },
    asset: { row_count: 0 },
  });
});

/** Tables as they are published: with titles, footers, padding and quotes. */
test.each<[string, string, object, object, object]>([
  [
    'a footer',
    'year,v\n2001,2\n2002,4\nSource: BEA\n',
    {},
    { year: 'bigint', v: 'bigint' },
    { rejected_rows: { count: 1, sample: [{ line: 4, reason: 'has 1 value instead of 2' }] } },
  ],
  [
    'comments above the header',
    '# generated 2024\n# source x\na,b\n1,2\n3,4\n',
    {},
    { a: 'bigint', b: 'bigint' },
    {
      row_count: 2,
      quality: {
        notes: [
          { code: 'TITLES_SKIPPED' },
          {
            code: 'HEADER_ASSUMED',
            message:
              'Line 3 was read as the names of the columns: "a", "b". ' +
              'If it is data, set `header` to false (--no-header).',
          },
        ],
      },
    },
  ],
  [
    'declared comments and lines to skip',
    'Report, "2024\nid,b\n# note\n1,2\n3,4\n',
    { skip_lines: 1, comment: '#' },
    { id: 'bigint', b: 'bigint' },
    { row_count: 2, quality: { notes: [] } },
  ],
  [
    'spaces around values',
    'name,   value,  code\nA,   1.5,  01\nB,  22.5,  02\n',
    {},
    { name: 'text', value: 'double precision', code: 'text' },
    { quality: { notes: [{ code: 'BLANKS_REMOVED' }] } },
  ],
  [
    'years with spaces for names',
    '"Area","1969  ","1970  "\n"Alabama",2734 ,2962 \n"Alaska",4769 ,5248 \n"Source: BEA"\n',
    {},
    { Area: 'text', 1969: 'bigint', 1970: 'bigint' },
    { row_count: 2, rejected_rows: { count: 1 } },
  ],
  [
    'a delimiter at the end of each row',
    'id,b,\n1,2,\n3,4,\n',
    {},
    { id: 'bigint', b: 'bigint' },
    { row_count: 2, quality: { notes: [] } },
  ],
  [
    'declared notations',
    'tag;wert;anteil\n31.12.2023;1.234,5;12,5 %\n1.2.2024;7;3 %\n',
    { date_format: 'DD.MM.YYYY', decimal_separator: ',', thousands_separator: '.', percent: true },
    { tag: 'date', wert: 'double precision', anteil: 'double precision' },
    { row_count: 2, quality: { notes: [] } },
  ],
  [
    'a footer after the sample',
    `id,v\n${Array.from({ length: 50_000 }, (_, index) => `${index},${index}`).join('\n')}\nTotal,7\n`,
    {},
    { id: 'text', v: 'bigint' },
    { row_count: 50_001, quality: { notes: [{ code: 'COLUMN_IS_TEXT', column: 'id' }] } },
  ],
])('reads a table with %s', async (_, body, parameters, types, asset) => {
  expect(await fixture.ingest(csv(body), parameters)).toMatchObject({ types, asset });
});

test('quotes have no meaning in TSV; in CSV, a quote that makes rows part of a value fails the run', async () => {
  const rows = (delimiter: string) =>
    Array.from(
      { length: 500 },
      (_, index) => `${index}${delimiter}${index % 400 === 9 ? '"Open' : `place ${index}`}\n`,
    );
  const tsv = { name: 'a.tsv', body: `id\tname\n${rows('\t').join('')}`, format: 'TSV' };
  expect((await fixture.ingest(tsv)).rows.length).toBe(500);
  await expect(fixture.ingest(csv(`id,name\n${rows(',').join('')}`))).rejects.toMatchObject({
    code: 'ROWS_REJECTED',
    details: { count: 401, line: 11 },
  });
});

test('a table that is separated by spaces is read only with a declared delimiter', async () => {
  const table = csv('lon lat name\n1.5  50 a\n2.5  51 b\n');
  await expect(fixture.ingest(table)).rejects.toMatchObject({ code: 'DELIMITER_UNKNOWN' });
  expect((await fixture.ingest(table, { delimiter: ' ' })).rows).toEqual([
    { lon: 1.5, lat: 50n, name: 'a' },
    { lon: 2.5, lat: 51n, name: 'b' },
  ]);
});
