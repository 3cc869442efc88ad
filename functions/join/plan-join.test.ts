import { expect, test } from 'vitest';
import { areComparable, keyFamily } from '#shared/contracts/join-keys.ts';
import type { AssetDocument } from '#shared/ledger/documents.ts';
import { JoinConfigSchema } from '#shared/manifest/manifest.ts';
import type { Column } from '#shared/contracts/shared-schemas.ts';
import { duplicatesSql, joinSql, keysSql, matchedRowsSql, unmatchedSql } from './join-sql.ts';
import { matchNotes } from './match-keys.ts';
import { planJoin } from './plan-join.ts';

const asset = (dataset_id: string, columns: Column[]) =>
  ({ _id: 'a'.repeat(24), dataset_id, version: 1, columns }) as unknown as AssetDocument;
const text = (...names: string[]): Column[] => names.map((name) => ({ name, type: 'text' }));
const plan = (spatial: Column[], tabular: Column[], fields: object = {}, geometryColumn = 'geom') =>
  planJoin(
    JoinConfigSchema.parse({
      spatial_asset_id: 's',
      tabular_asset_id: 't',
      left_key: 'id',
      right_key: 'id',
      ...fields,
    }),
    { spatial: asset('länder', spatial), tabular: asset('zahlen', tabular) },
    geometryColumn,
  );
const geom = { name: 'geom', type: 'geometry' };

test('names of the table that are in use get the prefix, without regard to case, and then a number', () => {
  const { spatial, tabular, notes } = plan(
    [...text('id', 'Größe', 't_GRÖSSE', 't_größe'), geom],
    text('nr', 'größe', 'Bbox', 'xmin', 'GEOM', 'neu'),
    { right_key: 'nr' },
  );
  expect(spatial.map(({ as }) => as)).toEqual(['id', 'Größe', 't_GRÖSSE', 't_größe']);
  expect(tabular.map(({ name, as }) => [name, as])).toEqual([
    ['nr', 'nr'],
    ['größe', 't_größe_1'],
    ['Bbox', 't_Bbox'],
    ['xmin', 't_xmin'],
    ['GEOM', 't_GEOM'],
    ['neu', 'neu'],
  ]);
  expect(notes).toHaveLength(4);
});

test('a key with the same name on both sides is kept once, unless it is listed', () => {
  expect(plan([...text('id'), geom], text('wert', 'id'))).toMatchObject({
    leftKey: 0,
    rightKey: 0,
    tabular: [
      { name: 'id', as: undefined },
      { name: 'wert', as: 'wert' },
    ],
    notes: [],
  });
  expect(plan([...text('id'), geom], text('wert', 'id'), { columns: ['id', 'wert', 'id'] })).toMatchObject({
    rightKey: 0,
    tabular: [
      { name: 'id', as: 't_id' },
      { name: 'wert', as: 'wert' },
    ],
  });
  expect(plan([...text('id'), geom], text('wert', 'id'), { columns: [] })).toMatchObject({
    rightKey: 0,
    tabular: [{ name: 'id', as: undefined }],
  });
});

test('long names are cut and stay distinct; an attribute with the name of the geometry column is renamed', () => {
  const long = 'é'.repeat(40);
  expect(plan([...text('id'), geom], text('id', long, `${long}x`)).tabular.map(({ as }) => as)).toEqual([
    undefined,
    `${'é'.repeat(30)}_1`,
    `${'é'.repeat(30)}_2`,
  ]);
  const other = plan([...text('id', 'shape'), geom], text('id'), {}, 'shape');
  expect(other.spatial.map(({ as }) => as)).toEqual(['id', 'shape_1']);
  expect(other.geometry).toEqual(geom);
});

test('rejects too many columns', () => {
  const many = text('id', ...Array.from({ length: 1000 }, (_, n) => `c${n}`));
  expect(() => plan([...many, geom], many)).toThrow(expect.objectContaining({ code: 'TOO_MANY_COLUMNS' }) as Error);
});

test.each([
  ['smallint', 'numeric(10,2)', true],
  ['integer', 'bigint', true],
  ['real', 'double precision', true],
  ['text', 'character varying(80)', true],
  ['uuid', 'uuid', true],
  ['integer[]', 'integer[]', true],
  ['text', 'bigint', false],
  ['bigint', 'double precision', false],
  ['date', 'timestamp without time zone', false],
  ['timestamp without time zone', 'timestamp with time zone', false],
  ['boolean', 'integer', false],
  ['uuid', 'text', false],
  ['json', 'json', false],
])('keys of %s and %s: %s', (left, right, comparable) => {
  expect(areComparable(left, right)).toBe(comparable);
  expect(areComparable(right, left)).toBe(comparable);
});

test('a type without equality belongs to no family of keys', () => {
  expect(['numeric(12,3)', 'character(2)', 'date', 'json', 'geometry'].map(keyFamily)).toEqual([
    'number',
    'text',
    'date',
    null,
    null,
  ]);
});

const key = (column: string) => (alias: string) => `${alias}."${column}"`;

const oneLine = (sql: string) => sql.replaceAll(/\s+/g, ' ');

test('the statements', () => {
  expect(oneLine(keysSql('unlogged', 'join_spatial', key('c0'), 'join_spatial_keys'))).toBe(
    'create unlogged table join_spatial_keys as select x."c0" as key, count(*) as rows from join_spatial as x where x."c0" is not null group by 1',
  );
  expect(oneLine(duplicatesSql(10, 100))).toBe(
    'select left(key::text, 100) as key, rows::float8, (count(*) over ())::float8 as keys, (max(rows) over ())::float8 as most from join_tabular_keys where rows > 1 order by rows desc, key limit 10',
  );
  expect(oneLine(unmatchedSql('a', 'b', 10, 100))).toBe(
    'select left(k.key::text, 100) as key from a as k where not exists (select from b as other where other.key = k.key) order by k.key limit 10',
  );
  expect(oneLine(matchedRowsSql(key('c0'), key('%I'), 5))).toBe(
    'select s.n::float8 as spatial, t.n::float8 as tabular from (select s.* from join_spatial as s where exists (select from join_tabular_keys as k where k.key = s."c0") order by s.n limit 5) as s join join_tabular as t on s."c0" = t."%I" order by 1, 2 limit 5',
  );
  const join = {
    how: 'left' as const,
    leftKey: key('c0'),
    rightKey: key('c1'),
    columns: [
      { value: 's."c0"', name: 'select "é"' },
      { value: 't."c0"::numeric(6,2)', name: '%I' },
    ],
    geometry: 's."c1"',
    geometryColumn: 'geom',
    srid: 4326,
  };
  expect(joinSql({ ...join, mostRows: 1 })).toBe(
    'create unlogged table processed as select s.n as sluice_fid, s."c0" as "select ""é""", t."c0"::numeric(6,2) as "%I", ST_SetSRID(s."c1", 4326) as geom from join_spatial as s left join join_tabular as t on s."c0" = t."c1"',
  );
  expect(joinSql({ ...join, how: 'inner', mostRows: 3 })).toBe(
    'create unlogged table processed as select (s.n - 1) * 3 + coalesce(t.rank, 1) as sluice_fid, s."c0" as "select ""é""", t."c0"::numeric(6,2) as "%I", ST_SetSRID(s."c1", 4326) as geom from join_spatial as s inner join (select x.*, row_number() over (partition by x."c1" order by x.n) as rank from join_tabular as x) as t on s."c0" = t."c1"',
  );
});

test('notes list unmatched and missing keys, if any', () => {
  const none = { count: 0, sample: [] };
  expect(
    matchNotes(
      { matched_rows: 5, unmatched_spatial: none, unmatched_tabular: none, null_keys: { spatial: 0, tabular: 0 } },
      { left: 'a', right: 'b' },
    ),
  ).toEqual([]);
  expect(
    matchNotes(
      {
        matched_rows: 0,
        unmatched_spatial: { count: 12, sample: ['1', 'é "x"'] },
        unmatched_tabular: none,
        null_keys: { spatial: 2, tabular: 0 },
      },
      { left: 'a', right: 'b' },
    ),
  ).toEqual([
    {
      code: 'JOIN_KEYS_UNMATCHED',
      column: 'a',
      message: '12 keys of the spatial asset have no row in the table: "1", "é \\"x\\"", …',
    },
    {
      code: 'JOIN_KEYS_MISSING',
      column: 'a',
      message: '2 features of the spatial asset have no value in "a" and match nothing.',
    },
  ]);
});
