import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTabularFixture, type TabularFixture } from './tabular-fixture.ts';

let fixture: TabularFixture;
beforeAll(async () => { fixture = await openTabularFixture(); });
afterAll(() => fixture[Symbol.asyncDispose]());

const csv = (body: string | Buffer, name = 'prices é #1.csv') => ({ name, body });

test('columns get the type that all their values are written as; codes stay text', async () => {
  const { rows, types, asset } = await fixture.ingest(csv([
    'id,code,phone,long id,price,flag,day,at,zoned,note,nothing,tiny,exact',
    '1,007,+4912345,12345678901234567890,1.50,true,2024-02-29,2024-02-29T10:00:00,2024-02-29T10:00:00+02:00,"a ""b"", c",,1e-5,12345678901234567.25',
    '-2,12,+1,2,-3,false,0999-12-31,2024-01-01 00:00:00.123456,2024-02-29 10:00Z,"two\nlines",,12.456697467998197,-0.5',
    '',
  ].join('\n')));
  expect(types).toEqual({
    id: 'bigint', code: 'text', phone: 'text', 'long id': 'text', price: 'double precision', flag: 'boolean', day: 'date', at: 'timestamp without time zone', zoned: 'timestamp with time zone',
    note: 'text', nothing: 'text', tiny: 'double precision', exact: 'numeric(19,2)',
  });
  expect(rows).toEqual([
    { id: 1n, code: '007', phone: '+4912345', 'long id': '12345678901234567890', price: 1.5, flag: true, day: new Date('2024-02-29'), at: new Date('2024-02-29T10:00:00Z'), zoned: new Date('2024-02-29T08:00:00Z'), note: 'a "b", c', nothing: null, tiny: 1e-5, exact: 12345678901234567.25 },
    { id: -2n, code: '12', phone: '+1', 'long id': '2', price: -3, flag: false, day: new Date('0999-12-31'), at: new Date('2024-01-01T00:00:00.123Z'), zoned: new Date('2024-02-29T10:00:00Z'), note: 'two\nlines', nothing: null, tiny: 12.456697467998197, exact: -0.5 },
  ]);
  expect(asset).toMatchObject({ kind: 'tabular', crs: null, bbox: null, geometry_types: [], row_count: 2, rejected_rows: { count: 0, sample: [] }, quality: { null_geometries: 0, notes: [] }, software: { DuckDB: expect.stringMatching(/\d/) as string } });
});
