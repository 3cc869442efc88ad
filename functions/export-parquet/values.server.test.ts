import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTabularFixture, type TabularFixture } from '../../tests/fixtures/tabular.ts';

let fixture: TabularFixture;
beforeAll(async () => {
  fixture = await openTabularFixture();
});
afterAll(() => fixture[Symbol.asyncDispose]());

const csv = (body: string | Buffer, name = 'prices é #1.csv') => ({ name, body });

test('a column has the type in whose notation all of its values are written; codes are text', async () => {
  const { rows, types, asset } = await fixture.ingest(
    csv(
      [
        'id,code,phone,long id,price,flag,day,at,zoned,note,nothing,tiny,exact',
        '1,007,+4912345,12345678901234567890,1.50,true,2024-02-29,2024-02-29T10:00:00,2024-02-29T10:00:00+02:00,"a ""b"", c",,1e-5,12345678901234567.25',
        '-2,12,+1,2,-3,false,0999-12-31,2024-01-01 00:00:00.123456,2024-02-29 10:00Z,"two\nlines",,12.456697467998197,-0.5',
        '',
      ].join('\n'),
    ),
  );
  expect(types).toEqual({
    id: 'bigint',
    code: 'text',
    phone: 'text',
    'long id': 'text',
    price: 'double precision',
    flag: 'boolean',
    day: 'date',
    at: 'timestamp without time zone',
    zoned: 'timestamp with time zone',
    note: 'text',
    nothing: 'text',
    tiny: 'double precision',
    exact: 'numeric(19,2)',
  });
  expect(rows).toEqual([
    {
      id: 1n,
      code: '007',
      phone: '+4912345',
      'long id': '12345678901234567890',
      price: 1.5,
      flag: true,
      day: new Date('2024-02-29'),
      at: new Date('2024-02-29T10:00:00Z'),
      zoned: new Date('2024-02-29T08:00:00Z'),
      note: 'a "b", c',
      nothing: null,
      tiny: 1e-5,
      exact: 12345678901234567.25,
    },
    {
      id: -2n,
      code: '12',
      phone: '+1',
      'long id': '2',
      price: -3,
      flag: false,
      day: new Date('0999-12-31'),
      at: new Date('2024-01-01T00:00:00.123Z'),
      zoned: new Date('2024-02-29T10:00:00Z'),
      note: 'two\nlines',
      nothing: null,
      tiny: 12.456697467998197,
      exact: -0.5,
    },
  ]);
  expect(asset).toMatchObject({
    kind: 'tabular',
    crs: null,
    bbox: null,
    geometry_types: [],
    row_count: 2,
    rejected_rows: { count: 0, sample: [] },
    quality: { null_geometries: 0, notes: [] },
    software: { DuckDB: expect.stringMatching(/\d/) as string },
  });
});

test('one value in another notation at the end of the file makes the column text; no row is rejected', async () => {
  const rows = Array.from({ length: 30_000 }, (_, n) => `${n},${n % 7},2024-01-01`);
  const { types, asset } = await fixture.ingest(csv(`id,plz,day\n${rows.join('\n')}\n30000,00815,2024-02-30\n`));
  expect(types).toEqual({ id: 'bigint', plz: 'text', day: 'text' });
  expect(asset).toMatchObject({ row_count: 30_001, rejected_rows: { count: 0 } });
});

test('a number with many digits is a double when the double has the same digits, in any notation', async () => {
  const kept = [
    '0.12345678901234568',
    String(Math.PI * 1e-8),
    '3.1415926535897930E-08',
    '0.10000000000000001',
    '1.000000000000000056e-01',
    '0.00000000000000000',
    '-12.3456789012345600',
    '1.0000000000000000e+23',
  ];
  const { rows, types } = await fixture.ingest(csv(`x\n1.5\n${kept.join('\n')}\n`));
  expect(types).toEqual({ x: 'double precision' });
  expect(rows.map(({ x }) => x)).toEqual([1.5, ...kept.map(Number)]);
  expect(
    (await fixture.ingest(csv('x,id\n1.5,10000000000000000000\n0.123456789012345678,20000000000000000000\n'))).types,
  ).toEqual({ x: 'numeric(19,18)', id: 'text' });
});

test('a number outside the double range is text, and is rejected in a column that is declared double', async () => {
  expect(await fixture.ingest(csv('x\n1.5\n-1e400\n'))).toMatchObject({
    types: { x: 'text' },
    rows: [{ x: '1.5' }, { x: '-1e400' }],
  });
  expect(await fixture.ingest({ name: 'x.jsonl', format: 'JSONL', body: '{"x":1.5}\n{"x":1e400}\n' })).toMatchObject({
    types: { x: 'text' },
    rows: [{ x: '1.5' }, { x: '1e400' }],
  });
  const { rows, asset } = await fixture.ingest(csv('x\n1e400\n-inf\n'), { columns: { x: 'double' } });
  expect(rows).toEqual([{ x: -Infinity }]);
  expect(asset.rejected_rows?.sample).toEqual([
    { line: 2, reason: 'has "1e400" in column "x" of type double precision' },
  ]);
});

test('an empty field is null; an empty text in quotes is empty, or null in a column that is not text', async () => {
  const { rows, types } = await fixture.ingest(csv('name,qty\n"",""\n,5\nx,\n'));
  expect(types).toEqual({ name: 'text', qty: 'bigint' });
  expect(rows).toEqual([
    { name: '', qty: null },
    { name: null, qty: 5n },
    { name: 'x', qty: null },
  ]);
});

test('null values are declared; in quotes they are text, unless the column is not text', async () => {
  const { rows, types } = await fixture.ingest(csv('name,qty\nNA,NA\n"NA","NA"\n-,5\n'), { null_values: ['NA', '-'] });
  expect(types).toEqual({ name: 'text', qty: 'bigint' });
  expect(rows).toEqual([
    { name: null, qty: null },
    { name: 'NA', qty: null },
    { name: null, qty: 5n },
  ]);
});

test('numbers with decimal commas are read when the manifest declares the separator', async () => {
  const body = 'preis;menge;text\n1,50;-3;1.5\n-0,25;4;x\n';
  expect(await fixture.ingest(csv(body), { decimal_separator: ',' })).toMatchObject({
    types: { preis: 'double precision', menge: 'bigint' },
    rows: [{ preis: 1.5, menge: -3n, text: '1.5' }, { preis: -0.25 }],
  });
  expect((await fixture.ingest(csv(body))).types).toEqual({ preis: 'text', menge: 'bigint', text: 'text' });
});

test('a declared type overrides the inferred one and accepts the lenient notation', async () => {
  const { rows, types, asset } = await fixture.ingest(
    csv(
      'id,flag,n,amount,day,at,zoned,d\n7,yes, 007 ,1.5,2024/1/5,2024-01-05,2024-01-05 10:00,1\n8,0,+5,-22.255,2024-12-31,2024-01-05T10:00:00,2024-01-05T10:00+0130,inf\n',
    ),
    {
      columns: {
        id: 'text',
        flag: 'boolean',
        n: 'bigint',
        amount: 'decimal',
        day: 'date',
        at: 'timestamp',
        zoned: 'timestamptz',
        d: 'double',
      },
    },
  );
  expect(types).toEqual({
    id: 'text',
    flag: 'boolean',
    n: 'bigint',
    amount: 'numeric(5,3)',
    day: 'date',
    at: 'timestamp without time zone',
    zoned: 'timestamp with time zone',
    d: 'double precision',
  });
  expect(rows).toEqual([
    {
      id: '7',
      flag: true,
      n: 7n,
      amount: 1.5,
      day: new Date('2024-01-05'),
      at: new Date('2024-01-05'),
      zoned: new Date('2024-01-05T10:00Z'),
      d: 1,
    },
    {
      id: '8',
      flag: false,
      n: 5n,
      amount: -22.255,
      day: new Date('2024-12-31'),
      at: new Date('2024-01-05T10:00Z'),
      zoned: new Date('2024-01-05T08:30Z'),
      d: Infinity,
    },
  ]);
  expect(asset.recipe).toMatchObject({ name: 'tabular', parameters: { columns: { id: 'text' } } });
});

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

test('long whole numbers are decimals only when declared; more than 38 digits are text, with a note', async () => {
  const body = 'a,b\n12345678901234567890123,1.5\n1,123456789012345678901234567890123456789.5\n';
  expect((await fixture.ingest(csv(body))).types).toEqual({ a: 'text', b: 'text' });
  const { types, asset } = await fixture.ingest(csv(body), { columns: { a: 'decimal', b: 'decimal' } });
  expect(types).toEqual({ a: 'numeric(23,0)', b: 'text' });
  expect(asset.quality.notes).toMatchObject([{ code: 'HEADER_ASSUMED' }, { code: 'DECIMAL_TOO_LONG', column: 'b' }]);
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

test('a table of 5,000 columns of all types', { timeout: 180_000 }, async () => {
  const kinds = ['1.5', 'abc', '2024-01-31', '17', '12345678901234567890.5', ''];
  const width = 5_000;
  const row = Array.from({ length: width }, (_, index) => kinds[index % kinds.length]).join(',');
  const { types, rows } = await fixture.ingest(
    csv(`${Array.from({ length: width }, (_, index) => `k${index}`).join(',')}\n${`${row}\n`.repeat(100)}`),
  );
  expect(Object.values(types).slice(0, kinds.length)).toEqual([
    'double precision',
    'text',
    'date',
    'bigint',
    'numeric(21,1)',
    'text',
  ]);
  expect([rows.length, rows[99]?.k0, rows[99]?.k4999]).toEqual([100, 1.5, 'abc']);
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

test('values with control characters of the staged form are unchanged', async () => {
  expect((await fixture.ingest(csv('a,b\n"x\u001fy\u001an\r\nz",\u001ae\n'))).rows).toEqual([
    { a: 'x\u001fy\u001an\r\nz', b: '\u001ae' },
  ]);
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
