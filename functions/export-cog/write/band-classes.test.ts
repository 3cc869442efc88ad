import { expect, test } from 'vitest';
import { rasterInfo } from '../../../tests/fixtures/raster-info.ts';
import type { DescribedRaster } from '../read/describe-raster.ts';
import { colorNotes, describeClasses } from './band-classes.ts';

const table = (rows: number) => ({
  columns: [{ name: 'Klasse', type: 'string' as const, usage: 'Name' }],
  rows: Array.from({ length: rows }, (_, row) => [`Klasse ${row}`]),
});
const raster = (band: object, fields: Partial<DescribedRaster> = {}, file = 'a.img') =>
  ({
    info: rasterInfo({}, { type: 'Byte', ...band }),
    attributeTables: [],
    source: { file },
    ...fields,
  }) as unknown as DescribedRaster;
const BAND = { data_type: 'Byte', nodata: null, color_interpretation: null, description: null, statistics: null };

test('keeps names and tables of classes up to a limit, and notes both', () => {
  const described = describeClasses(
    [BAND],
    [raster({ categories: ['Wald', 'Höhe'] }, { attributeTables: [table(2)] })],
  );
  expect(described.bands).toEqual([{ ...BAND, category_names: ['Wald', 'Höhe'], attribute_table: table(2) }]);
  expect(described.notes).toEqual([
    {
      code: 'ATTRIBUTE_TABLE_MOVED',
      file: 'a.img',
      message:
        'Band 1 of a.img has names of 2 classes, and an attribute table of 2 rows and 1 columns. A GeoTIFF cannot ' +
        'contain them: they are in the description of the band, with numbers of up to 15 digits.',
    },
  ]);
  const large = describeClasses([BAND], [raster({}, { attributeTables: [table(20_000)] })]);
  expect(large.bands).toEqual([BAND]);
  expect(large.notes).toMatchObject([
    {
      code: 'ATTRIBUTE_TABLE_DROPPED',
      message: expect.stringContaining('an attribute table of 20,000 rows and 1 columns') as string,
    },
  ]);
});

test('notes tables of further files that differ, and those that cannot be read', () => {
  const first = raster({}, { attributeTables: [table(2)] });
  const codes = (...others: DescribedRaster[]) =>
    describeClasses([BAND], [first, ...others]).notes.map(({ code, file }) => [code, file]);
  expect(codes(raster({}, { attributeTables: [table(2)] }, 'b.img'))).toEqual([['ATTRIBUTE_TABLE_MOVED', 'a.img']]);
  expect(
    codes(raster({}, { attributeTables: [table(3)] }, 'b.img'), raster({}, { attributeTables: ['not UTF-8'] }, 'c')),
  ).toEqual([
    ['ATTRIBUTE_TABLE_MOVED', 'a.img'],
    ['ATTRIBUTE_TABLE_DROPPED', 'b.img'],
    ['ATTRIBUTE_TABLE_DROPPED', 'c'],
  ]);
});

test('notes colors that the written file does not have', () => {
  const colors = (...entries: number[][]) => ({ colorTable: { palette: 'RGB', count: entries.length, entries } });
  const message = (source: object, written: object) =>
    colorNotes(raster(source), rasterInfo({}, { type: 'Byte', ...written }))[0]?.message;
  const opaque = colors([1, 2, 3, 255], [4, 5, 6, 255]);
  expect(message(opaque, colors([1, 2, 3, 255], [4, 5, 6, 255], [0, 0, 0, 255]))).toBeUndefined();
  expect(message({}, opaque)).toBeUndefined();
  expect(message(opaque, {})).toBe(
    'A GeoTIFF cannot contain the 2 colors of band 1 of a.img. Pixel values are not affected.',
  );
  expect(message(opaque, colors([1, 2, 3, 255], [4, 5, 7, 255]))).toContain('1 of the 2 colors');
  const clear = colors([1, 2, 3, 0], [4, 5, 6, 100]);
  expect(message(clear, opaque)).toContain('the opacity of 2 colors');
  expect(message(clear, { ...opaque, noDataValue: 0 })).toContain('the opacity of 1 colors');
});
