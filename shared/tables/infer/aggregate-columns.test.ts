import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openLockedDatabase } from '#shared/databases/locked-duckdb.ts';
import type { SourceFile } from '#shared/contracts/shared-schemas.ts';
import { aggregateColumns } from './aggregate-columns.ts';
import { stageDelimited } from '../stage-rows.ts';
import { allFitSql, valueSql } from './text-table.ts';
import { delimitedTable } from '../source-table.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice facts é#'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const SOURCE: SourceFile = {
  path: 'x.csv',
  sha256: '',
  size_bytes: 0,
  format: 'CSV',
  layer: null,
  crs: null,
  row_count: 0,
};
const signal = new AbortController().signal;

async function* text(body: string) {
  yield await Promise.resolve(Buffer.from(body));
}

test.each([
  ['value by value', 2],
  ['column by column', 1_000_000],
])('aggregates computed %s are equal', async (_, rowCount) => {
  const names = Array.from({ length: 150 }, (_, index) => `n${index}`);
  const staged = await stageDelimited(
    text(
      `a,b,"c\nd",empty,${names.join(',')}\n1,"x\u001fy\u001az\n1",1.5,,${names.map((_, index) => index).join(',')}\n,"",x,,${names.map(() => '1.5').join(',')}\n`,
    ),
    join(folder, 'rows'),
    { header: true },
    'x.csv',
    signal,
  );
  const table = { ...delimitedTable(staged, SOURCE, {}), rowCount };
  using database = await openLockedDatabase(folder, { threads: 2, preserveOrder: false });
  const facts = await aggregateColumns(
    database,
    table,
    table.columns.toReversed(),
    (column) => ({
      values: `count(${valueSql(table, column)})`,
      longest: `max(length(${valueSql(table, column)}))`,
      is_double: allFitSql(table, column, 'double'),
      is_bigint: allFitSql(table, column, 'bigint'),
    }),
    signal,
  );
  expect(facts.toReversed().slice(0, 5)).toEqual([
    { values: '1', longest: '1', is_double: true, is_bigint: true },
    { values: '1', longest: '7', is_double: false, is_bigint: false },
    { values: '2', longest: '3', is_double: false, is_bigint: false },
    { values: '0', longest: null, is_double: true, is_bigint: true },
    { values: '2', longest: '3', is_double: true, is_bigint: false },
  ]);
  expect(facts.length).toBe(154);
});
