import { expect, test } from 'vitest';
import { rasterInfo } from '../../../tests/fixtures/raster-info.ts';
import { planCog } from './plan-cog.ts';
import type { CogSource } from '../read/cog-source.ts';

const source = (fields: Partial<CogSource> = {}): CogSource => ({
  file: 's3://landing-zone/a.tif',
  name: '/s/a.tif',
  info: rasterInfo(),
  drivers: ['GTiff'],
  crs: 'EPSG:31985',
  crsOverrides: false,
  ...fields,
});
const paths = { folder: '/s', output: '/s/asset.tif', cores: 3 };
const options = (...values: string[]) => values.flatMap((value) => ['-co', value]);

test('copies the pixels of a north-up raster', () => {
  expect(planCog([source()], { mosaic: false }, undefined, paths)).toEqual({
    commands: [
      {
        command: 'gdal_translate',
        drivers: ['GTiff', 'COG'],
        output: '/s/asset.tif',
        folder: '/s',
        args: [
          '-q',
          '-of',
          'COG',
          ...options(
            'COMPRESS=DEFLATE',
            'PREDICTOR=YES',
            'BLOCKSIZE=512',
            'BIGTIFF=IF_SAFER',
            'OVERVIEWS=IGNORE_EXISTING',
            'OVERVIEW_RESAMPLING=AVERAGE',
            'NUM_THREADS=3',
          ),
          '/s/a.tif',
          '/s/asset.tif',
        ],
      },
    ],
    steps: ['TranslateToCog'],
    settings: {
      driver: 'COG',
      compression: 'deflate',
      predictor: 'YES',
      block_size: 512,
      overview_resampling: 'average',
      categorical: false,
      mosaic: false,
    },
  });
});

test('passes a declared CRS and nodata value to GDAL', () => {
  const [command] = planCog(
    [source({ crsOverrides: true })],
    { mosaic: false, nodata: -9999 },
    undefined,
    paths,
  ).commands;
  expect(command?.args.slice(3, 7)).toEqual(['-a_srs', 'EPSG:31985', '-a_nodata', '-9999']);
});

test('warps to another CRS by the geotransform, to a plain GeoTIFF', () => {
  const plan = planCog([source()], { mosaic: false }, 'EPSG:4326', paths);
  expect(plan.commands.map(({ command, output, drivers }) => [command, output, drivers])).toEqual([
    ['gdalwarp', '/s/warped.tif', ['GTiff']],
    ['gdal_translate', '/s/asset.tif', ['GTiff', 'COG']],
  ]);
  expect(plan.commands[0]?.args.slice(0, 11)).toEqual([
    '-q',
    '-of',
    'GTiff',
    '-t_srs',
    'EPSG:4326',
    '-to',
    'SRC_METHOD=GEOTRANSFORM',
    '-r',
    'bilinear',
    '-dstnodata',
    'nan',
  ]);
  expect(plan.settings).toMatchObject({ target_crs: 'EPSG:4326', resampling: 'bilinear', nodata: 'nan' });
});

test('adds a mask to bytes, and resamples palettes by nearest neighbor', () => {
  const palette = source({ info: rasterInfo({}, { type: 'Byte', colorInterpretation: 'Palette' }) });
  const plan = planCog([palette], { mosaic: false }, 'EPSG:4326', paths);
  expect(plan.commands[0]?.args).toEqual(expect.arrayContaining(['-r', 'nearest', '-dstalpha']));
  expect(plan.commands[1]?.args.slice(3, 7)).toEqual(['-b', '1', '-mask', '2']);
  expect(plan.settings).toMatchObject({ categorical: true, predictor: 'NO', overview_resampling: 'nearest' });
});

test('keeps the grid of an upside-down raster, without a fill', () => {
  const plan = planCog(
    [source({ info: rasterInfo({ geoTransform: [0, 10, 0, 0, 0, 10] }) })],
    { mosaic: false },
    undefined,
    paths,
  );
  expect(plan.commands[0]?.args.slice(3, 16)).toEqual([
    '-t_srs',
    'EPSG:31985',
    '-to',
    'SRC_METHOD=GEOTRANSFORM',
    '-te',
    '0',
    '0',
    '1000',
    '500',
    '-tr',
    '10',
    '10',
    '-r',
  ]);
  expect(plan.commands[0]?.args).not.toContain('-dstnodata');
});

test('copies a file with a declared CRS before a warp of files with several CRSs', () => {
  const plan = planCog(
    [source(), source({ name: '/s/b.tif', crs: 'EPSG:4326', crsOverrides: true })],
    { mosaic: true },
    'EPSG:3857',
    paths,
  );
  expect(plan.commands.map(({ command }) => command)).toEqual(['gdal_translate', 'gdalwarp', 'gdal_translate']);
  expect(plan.commands[1]?.args).not.toContain('-s_srs');
  expect(plan.commands[1]?.args.slice(-3)).toEqual(['/s/a.tif', '/s/assigned-1.tif', '/s/warped.tif']);
});
