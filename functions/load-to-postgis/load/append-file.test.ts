import { expect, test } from 'vitest';
import { appendSql, describeDifferences } from './append-file.ts';

test('appendSql names the columns, continues the keys and transforms geometries to another CRS', () => {
  const first = { table: 'load_1_0', columns: [{ name: 'größe', type: 'integer' }], srid: 4326 };
  expect(appendSql(first, { table: 'load_1_1', srid: 27700 }, 10, 'geom')).toEqual([
    'insert into load_1_0 ("größe", geom, sluice_fid) select "größe", st_transform(geom, 4326), sluice_fid + 10 from load_1_1 order by sluice_fid',
    'drop table load_1_1',
  ]);
});

test('describeDifferences lists differences of names and types, but not of order', () => {
  const a = [
    { name: 'a', type: 'integer' },
    { name: 'b', type: 'text' },
  ];
  expect(describeDifferences(a, [...a].reverse())).toBeUndefined();
  expect(
    describeDifferences(a, [
      { name: 'a', type: 'bigint' },
      { name: 'B', type: 'text' },
    ]),
  ).toBe('"b" is missing; "B" is additional; "a" has type bigint instead of integer');
});
