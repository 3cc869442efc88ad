import { expect, test, vi } from 'vitest';
import { groupFiles, proposeDatasetId } from './group-files.ts';

const group = (...paths: string[]) => groupFiles(paths.map((path) => ({ path })));

test('a shapefile and its sidecars are one dataset, and other files are separate', () => {
  expect(group('Straßen #1.dbf', 'Straßen #1.shp', 'Straßen #1.shx', 'Straßen #1.shp.xml', 'höhe.tif')).toEqual([
    {
      path: 'Straßen #1.shp',
      format: 'ESRI Shapefile',
      type: 'vector',
      parts: ['Straßen #1.shp', 'Straßen #1.dbf', 'Straßen #1.shx', 'Straßen #1.shp.xml'],
      problem: null,
    },
    { path: 'höhe.tif', format: 'GTiff', type: 'raster', parts: ['höhe.tif'], problem: null },
  ]);
});

test('files of the same name in two folders are two datasets', () => {
  const files = ['2023/a.shp', '2023/a.shx', '2023/a.dbf', '2024/a.shp', '2024/a.shx', '2024/a.dbf'];
  expect(group(...files).map(({ path, parts }) => [path, parts])).toEqual([
    ['2023/a.shp', ['2023/a.shp', '2023/a.shx', '2023/a.dbf']],
    ['2024/a.shp', ['2024/a.shp', '2024/a.shx', '2024/a.dbf']],
  ]);
});

test('the work for a folder grows with the number of its names, not with the square', () => {
  const paths = Array.from({ length: 500 }, (_, index) => [`Straße ${index}.shp`, `Straße ${index}.dbf`]).flat();
  const lowered = vi.spyOn(String.prototype, 'toLowerCase');
  const sorted = vi.spyOn(Array.prototype, 'sort');
  try {
    expect(group(...paths)).toHaveLength(500);
    expect(lowered.mock.calls.length).toBeLessThan(50 * paths.length);
    expect(Math.max(...sorted.mock.contexts.map((names) => (names as unknown[]).length))).toBeLessThan(10);
  } finally {
    lowered.mockRestore();
    sorted.mockRestore();
  }
});

test('a shapefile without a required part is reported with the missing extensions', () => {
  expect(group('roads.shp', 'roads.prj')).toMatchObject([
    {
      path: 'roads.shp',
      format: 'ESRI Shapefile',
      problem: { code: 'FILE_INCOMPLETE', message: expect.stringContaining('.shx and .dbf') as string },
    },
  ]);
});

test('a file of no supported format is reported with what to do', () => {
  expect(group('plan.dwg')).toMatchObject([
    {
      format: null,
      type: null,
      problem: { code: 'FORMAT_NOT_SUPPORTED', message: expect.stringMatching(/Set the format\.$/) as string },
    },
  ]);
});

test('an archive has the format of its members, and a declared format takes precedence', () => {
  const members = ['data/roads.gpkg', 'readme.txt'];
  expect(groupFiles([{ path: 'roads.zip', members }])).toMatchObject([{ format: 'GPKG', type: 'vector' }]);
  expect(groupFiles([{ path: 'preise.csv', type: 'tabular' }])).toMatchObject([{ format: 'CSV', type: 'tabular' }]);
  expect(groupFiles([{ path: 'roads.dat', format: 'GeoJSON' }])).toMatchObject([{ format: 'GeoJSON', problem: null }]);
  expect(groupFiles([{ path: 'x.zip', members: ['a.shp', 'a.gpkg'] }])).toMatchObject([
    { problem: { code: 'REQUEST_INVALID', message: expect.stringContaining('several formats') as string } },
  ]);
});

test.each([
  ['2024/Straßen #1 (neu).shp', 'Straßen_1_neu'],
  ['_roads.geojson', 'roads'],
  ['roads.tar.zip', 'roads.tar'],
  ['###.shp', null],
  ['catalog.gpkg', 'catalog'],
])('the proposed dataset of %s is %s', (path, id) => expect(proposeDatasetId(path)).toBe(id));
