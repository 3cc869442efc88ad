import { expect, test } from 'vitest';
import { rasterInfo } from '../../../tests/fixtures/raster-info.ts';
import { chooseNodata, missingValues, needsOneNodata, nodataWithoutRanges, unifyNodata } from './unify-nodata.ts';

const bands = (type: string, ...values: (number | undefined)[]) => ({
  info: rasterInfo({
    bands: values.map((noDataValue) => ({ type, ...(noDataValue === undefined ? {} : { noDataValue }) })),
  }),
});
const netcdf = (type: string, missing_value: string, noDataValue?: number) =>
  rasterInfo({ driverShortName: 'netCDF' }, { type, noDataValue, metadata: { '': { missing_value } } });

test('needs one value when bands, files or the attributes of a variable differ', () => {
  expect(needsOneNodata([bands('Int16', 0, 0)])).toBe(false);
  expect(needsOneNodata([bands('Int16', undefined, undefined)])).toBe(false);
  expect(needsOneNodata([bands('Int16', 0, 100)])).toBe(true);
  expect(needsOneNodata([bands('Int16', 0, undefined)])).toBe(true);
  expect(needsOneNodata([bands('Byte', 0), bands('Byte', 255)])).toBe(true);
  expect(needsOneNodata([{ info: netcdf('Int16', '-999', -32768) }])).toBe(true);
  expect(needsOneNodata([{ info: netcdf('Int16', '-999', -999) }])).toBe(false);
});

test('reads missing_value of netCDF in the type of the variable', () => {
  expect(missingValues(netcdf('Int16', '{-999,-888}', -1))).toEqual([[-1, -999, -888]]);
  expect(missingValues(netcdf('Float32', '1e+20', 1e20))).toEqual([[Math.fround(1e20)]]);
  expect(missingValues(netcdf('Float32', 'NaN', 5))).toEqual([[5, 'nan']]);
  expect(missingValues(netcdf('Byte', '-999'))).toEqual([[]]);
  expect(missingValues(rasterInfo({}, { type: 'Int16', metadata: { '': { missing_value: '-999' } } }))).toEqual([[]]);
});

test('chooses a value that no pixel with data has', () => {
  const sources = [bands('Int16', 0, 100)];
  expect(
    chooseNodata(sources, [
      [1, 4095],
      [1, 4096],
    ]),
  ).toBe(0);
  expect(
    chooseNodata(sources, [
      [1, 4095],
      [-1, 4096],
    ]),
  ).toBe(-32768);
  expect(
    chooseNodata(sources, [
      [-32768, 4095],
      [-1, 32767],
    ]),
  ).toBeUndefined();
  expect(
    chooseNodata(sources, [
      [-32768, 4095],
      [-1, 4096],
    ]),
  ).toBe(32767);
  expect(
    chooseNodata(
      [bands('Byte', 0, undefined)],
      [
        [1, 254],
        [0, 254],
      ],
    ),
  ).toBe(255);
  expect(
    chooseNodata(
      [bands('Byte', 0, undefined)],
      [
        [1, 255],
        [3, 255],
      ],
    ),
  ).toBe(0);
  expect(chooseNodata([bands('Byte', 0, undefined)], [undefined, [0, 255]])).toBeUndefined();
  expect(nodataWithoutRanges([bands('Float32', 0, 1)])).toBe('nan');
});

test('copies the pixels once for each of several missing values, without a nodata value of the destination', () => {
  const source = {
    file: 'f',
    name: '/s/a.nc',
    info: netcdf('Int16', '-999', -1),
    drivers: ['netCDF'],
    crs: 'EPSG:4326',
    crsOverrides: true,
  };
  const plan = unifyNodata(source, -1, 0, { folder: '/s', cores: 2 });
  const replaced = plan?.commands.map(({ args }) => args[args.indexOf('-srcnodata') + 1]);
  expect(replaced).toEqual(['-1', '-999']);
  for (const { args } of plan?.commands ?? []) {
    expect(args[args.indexOf('-dstnodata') + 1]).toBe('none');
    expect(args).toContain('INIT_DEST=-1');
  }
  expect(plan?.source).toMatchObject({ name: '/s/nodata-0-1.tif', drivers: ['GTiff'], crsOverrides: false });
  expect(plan?.source.info.bands[0]?.noDataValue).toBeUndefined();
  const rotated = { ...source, info: rasterInfo({ geoTransform: [0, 1, 1, 0, 1, -1] }) };
  expect(unifyNodata(rotated, -1, 0, { folder: '/s', cores: 2 })).toBeUndefined();
});
