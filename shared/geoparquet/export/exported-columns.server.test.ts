import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ExportFixture, GEOM, openExportFixture, point } from '../../../tests/fixtures/exported-table.ts';

let fixture: ExportFixture;
let exported: ExportFixture['exported'];
beforeAll(async () => {
  fixture = await openExportFixture();
  ({ exported } = fixture);
});
afterAll(() => fixture[Symbol.asyncDispose]());

describe('types', () => {
  test('keeps every value of each type exactly', async () => {
    const {
      byX: rows,
      columns,
      file,
    } = await exported(
      `b boolean, i2 smallint, i4 integer, i8 bigint, f4 real, f8 double precision, n numeric(20,4), t text, v varchar(10), by bytea, j json, jb jsonb, u uuid, d date, tm time, ts timestamp, tz timestamptz, ${GEOM}`,
      [
        `true, -32768, -2147483648, -9223372036854775808, 1.5, 0.1, 1234567890123456.7891, 'Straße 🚲 "x"', 'é', '\\x00ff', '{"a": [1, "ü"]}', '{"b":null}', '0d4a1f6e-2f64-8c11-9a3e-0123456789ab', '1582-10-04', '23:59:59.999999', '1969-12-31 23:59:59.5', '2024-02-29 12:00:00+02', ${point(1, 1)}`,
        `false, 32767, 2147483647, 9223372036854775807, 'NaN', '-Infinity', -0.0001, '', '', '', 'null', '[]', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '0044-03-15 BC', '00:00', '4713-01-01 BC', '9999-12-31 23:59:59+00', ${point(2, 2)}`,
        `${Array(17).fill('null').join(', ')}, ${point(3, 3)}`,
      ],
    );
    expect(Object.fromEntries(columns.map(({ name, type }) => [name, type]))).toEqual({
      b: 'BOOLEAN',
      i2: 'INT32 INT_16',
      i4: 'INT32 INT_32',
      i8: 'INT64 INT_64',
      f4: 'FLOAT',
      f8: 'DOUBLE',
      n: 'FIXED_LEN_BYTE_ARRAY DECIMAL',
      t: 'BYTE_ARRAY UTF8',
      v: 'BYTE_ARRAY UTF8',
      by: 'BYTE_ARRAY',
      j: 'BYTE_ARRAY JSON',
      jb: 'BYTE_ARRAY JSON',
      u: 'FIXED_LEN_BYTE_ARRAY UUID',
      d: 'INT32 DATE',
      tm: 'INT64 TIME',
      ts: 'INT64 TIMESTAMP',
      tz: 'INT64 TIMESTAMP',
      geom: 'BYTE_ARRAY',
      bbox: 'group',
    });
    expect(rows[0]).toMatchObject({
      b: true,
      i2: -32768,
      i4: -2147483648,
      i8: -(2n ** 63n),
      f4: 1.5,
      f8: 0.1,
      t: 'Straße 🚲 "x"',
      v: 'é',
      by: new Uint8Array([0, 255]),
      j: { a: [1, 'ü'] },
      jb: { b: null },
      u: '0d4a1f6e-2f64-8c11-9a3e-0123456789ab',
      d: new Date('1582-10-04'),
      ts: new Date('1969-12-31T23:59:59.5Z'),
      tm: 86_399_999_999n,
      tz: new Date('2024-02-29T10:00:00Z'),
    });
    expect(rows[1]).toMatchObject({
      b: false,
      i8: 2n ** 63n - 1n,
      f4: NaN,
      f8: -Infinity,
      t: '',
      by: new Uint8Array(),
      jb: [],
      d: new Date('-000043-03-15'),
      ts: new Date('-004712-01-01T00:00:00Z'),
    });
    expect(rows[0]?.n).toBeCloseTo(1234567890123456.7891, 3);
    expect(rows[2]).toMatchObject(
      Object.fromEntries(
        columns.filter(({ name }) => name !== 'geom' && name !== 'bbox').map(({ name }) => [name, null]),
      ),
    );
    expect(file.columns).toContainEqual({ name: 'n', type: 'numeric(20,4)' });
    expect(file.columns.at(-1)).toEqual({ name: 'geom', type: 'geometry' });
  });

  test('marks times with a zone as UTC, and times without a zone as local', async () => {
    const { metadata } = await exported(`ts timestamp, tz timestamptz, ${GEOM}`, [`now(), now(), ${point(1, 1)}`]);
    const logical = (name: string) => metadata.schema.find((element) => element.name === name)?.logical_type;
    expect(logical('tz')).toMatchObject({ isAdjustedToUTC: true, unit: 'MICROS' });
    expect(logical('ts')).toMatchObject({ isAdjustedToUTC: false, unit: 'MICROS' });
  });

  test('writes arrays as lists, with nulls and without elements', async () => {
    const { byX: rows } = await exported(
      `a integer[], b bigint[], c double precision[], d text[], e boolean[], f numeric[], g integer[], ${GEOM}`,
      [
        `'{1,null,3}', '{9223372036854775807}', '{0.5,NaN}', '{"é",null,""}', '{t,f,null}', '{1.50}', '{{1,2},{3,4}}', ${point(1, 1)}`,
        `'{}', null, '{}', null, '{}', null, null, ${point(2, 2)}`,
        `${Array(7).fill('null').join(', ')}, ${point(3, 3)}`,
      ],
    );
    expect(rows[0]).toMatchObject({
      a: [1, null, 3],
      b: [2n ** 63n - 1n],
      c: [0.5, NaN],
      d: ['é', null, ''],
      e: [true, false, null],
      f: ['1.50'],
      g: '{{1,2},{3,4}}',
    });
    expect(rows[1]).toMatchObject({ a: [], c: [], e: [] });
    expect(rows[1]?.b ?? null).toBeNull();
    expect(rows[2]?.a ?? null).toBeNull();
  });

  test('writes numeric as the decimal that its values need, and as text when no decimal is large enough', async () => {
    const { columns, byX: rows } = await exported(`a numeric, b numeric, c numeric, d numeric(50,2), ${GEOM}`, [
      `123.456, 'NaN', 12345678901234567890123456789012345678901234.5, 1, ${point(1, 1)}`,
      `-1, 1.10, 0, 2, ${point(2, 2)}`,
    ]);
    expect(columns.slice(0, 4).map(({ type }) => type)).toEqual([
      'INT32 DECIMAL',
      'BYTE_ARRAY UTF8',
      'BYTE_ARRAY UTF8',
      'BYTE_ARRAY UTF8',
    ]);
    expect(rows.map(({ a, b, c }) => [a, b, c])).toEqual([
      [123.456, 'NaN', '12345678901234567890123456789012345678901234.5'],
      [-1, '1.10', '0'],
    ]);
  });

  test('writes types that Parquet does not have as text', async () => {
    const { rows } = await exported(`i interval, a inet, x xml, z timetz, ${GEOM}`, [
      `'1 day 02:00', '10.0.0.1', '<a/>', '12:00+02', ${point(1, 1)}`,
    ]);
    expect(rows[0]).toMatchObject({ i: '1 day 02:00:00', a: '10.0.0.1/32', x: '<a/>', z: '12:00:00+02' });
  });

  test('writes infinite dates as null, with a note', async () => {
    const { byX: rows, file } = await exported(`"Gültig bis" date, t timestamptz, ${GEOM}`, [
      `'infinity', '294276-01-01', ${point(1, 1)}`,
      `'2024-01-01', '-infinity', ${point(2, 2)}`,
    ]);
    expect(rows.map((row) => row['Gültig bis'])).toEqual([null, new Date('2024-01-01')]);
    expect(file.notes.map(({ code, column, message }) => [code, column, message.slice(0, 1)])).toEqual([
      ['TIME_NOT_REPRESENTABLE', 'Gültig bis', '1'],
      ['TIME_NOT_REPRESENTABLE', 't', '2'],
    ]);
  });
});

describe('names', () => {
  test('keeps names with keywords, numbers, quotes and spaces, and renames those that differ only in case', async () => {
    const names = [
      'select',
      '2010',
      'größe',
      'a b',
      `it's "quoted"`,
      'Name',
      'name',
      'c0',
      'box',
      'bbox',
      'BBOX_1',
      'a%sb',
      'a.b',
      '🌍',
    ];
    const definition = names.map((name) => `"${name.replaceAll('"', '""')}" integer`).join(', ');
    const { columns, rows, geo, file } = await exported(`${definition}, ${GEOM}`, [
      `${names.map((_, index) => index).join(', ')}, ${point(1, 1)}`,
    ]);
    // DuckDB ignores case, so it does not write both names.
    const written = names.map((name) => (name === 'name' ? 'name_1' : name));
    expect(columns.map(({ name }) => name)).toEqual([...written, 'geom', 'bbox_2']);
    expect(written.map((name) => rows[0]?.[name])).toEqual(names.map((_, index) => index));
    expect(file.notes).toMatchObject([{ code: 'COLUMN_RENAMED', column: 'name_1' }]);
    expect(geo.columns.geom?.covering).toEqual({
      bbox: Object.fromEntries(['xmin', 'ymin', 'xmax', 'ymax'].map((side) => [side, ['bbox_2', side]])),
    });
  });
});
