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

test('long whole numbers are decimals only when declared; more than 38 digits are text, with a note', async () => {
  const body = 'a,b\n12345678901234567890123,1.5\n1,123456789012345678901234567890123456789.5\n';
  expect((await fixture.ingest(csv(body))).types).toEqual({ a: 'text', b: 'text' });
  const { types, asset } = await fixture.ingest(csv(body), { columns: { a: 'decimal', b: 'decimal' } });
  expect(types).toEqual({ a: 'numeric(23,0)', b: 'text' });
  expect(asset.quality.notes).toMatchObject([{ code: 'HEADER_ASSUMED' }, { code: 'DECIMAL_TOO_LONG', column: 'b' }]);
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

test('values with control characters of the staged form are unchanged', async () => {
  expect((await fixture.ingest(csv('a,b\n"x\u001fy\u001an\r\nz",\u001ae\n'))).rows).toEqual([
    { a: 'x\u001fy\u001an\r\nz', b: '\u001ae' },
  ]);
});
