import { open } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { deterministicObjectId } from '#shared/events/event.ts';
import { boxInDegrees, gridOfExtent, parseTransformedPoints } from '#shared/gdal/crs/extent-in-degrees.ts';
import { identifiedCode } from '#shared/gdal/crs/identify-crs.ts';
import { ManifestSchema } from '#shared/manifest/manifest.ts';
import { checkCogLayout } from './check/check-cog-layout.ts';
import { chooseImage } from './read/choose-image.ts';
import { commonGrid, uncompressedBytes } from './plan/pixel-grid.ts';
import { planAssets } from './plan/plan-assets.ts';
import { type CogSource, planCog } from './plan/plan-cog.ts';
import { rasterFile } from '../../tests/fixtures/raster.ts';
import { parseRasterInfo, type RasterInfo, subdatasets } from './read/raster-info.ts';
import { readTiffDirectories, type TiffDirectory } from './check/tiff-directories.ts';

const info = (fields: object = {}, band: object = { type: 'Float32' }): RasterInfo =>
  parseRasterInfo(
    JSON.stringify({
      driverShortName: 'GTiff',
      size: [100, 50],
      geoTransform: [0, 10, 0, 500, 0, -10],
      bands: [band],
      ...fields,
    }),
    'f',
  );
const source = (fields: Partial<CogSource> = {}): CogSource => ({
  name: '/s/a.tif',
  info: info(),
  drivers: ['GTiff'],
  crs: 'EPSG:31985',
  crsOverrides: false,
  ...fields,
});
const files = { folder: '/s', output: '/s/asset.tif', cores: 3 };
const options = (...values: string[]) => values.flatMap((value) => ['-co', value]);

describe('planCog', () => {
  test('one upright raster is copied as it is', () => {
    expect(planCog([source()], { mosaic: false }, undefined, files)).toEqual({
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

  test('a CRS that the file does not say, and a nodata value, are told to GDAL', () => {
    const [command] = planCog(
      [source({ crsOverrides: true })],
      { mosaic: false, nodata: -9999 },
      undefined,
      files,
    ).commands;
    expect(command?.args.slice(3, 7)).toEqual(['-a_srs', 'EPSG:31985', '-a_nodata', '-9999']);
  });

  test('another system is warped to a plain GeoTIFF first, by the geotransform and nothing else', () => {
    const plan = planCog([source()], { mosaic: false }, 'EPSG:4326', files);
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

  test('bytes get a mask, palettes keep their classes', () => {
    const palette = source({ info: info({}, { type: 'Byte', colorInterpretation: 'Palette' }) });
    const plan = planCog([palette], { mosaic: false }, 'EPSG:4326', files);
    expect(plan.commands[0]?.args).toEqual(expect.arrayContaining(['-r', 'nearest', '-dstalpha']));
    expect(plan.commands[1]?.args.slice(3, 7)).toEqual(['-b', '1', '-mask', '2']);
    expect(plan.settings).toMatchObject({ categorical: true, predictor: 'NO', overview_resampling: 'nearest' });
  });

  test('a raster that is only upside down keeps its grid and gets no empty pixels', () => {
    const plan = planCog(
      [source({ info: info({ geoTransform: [0, 10, 0, 0, 0, 10] }) })],
      { mosaic: false },
      undefined,
      files,
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

  test('files of several systems, one declared: that one is copied with its system first', () => {
    const plan = planCog(
      [source(), source({ name: '/s/b.tif', crs: 'EPSG:4326', crsOverrides: true })],
      { mosaic: true },
      'EPSG:3857',
      files,
    );
    expect(plan.commands.map(({ command }) => command)).toEqual(['gdal_translate', 'gdalwarp', 'gdal_translate']);
    expect(plan.commands[1]?.args).not.toContain('-s_srs');
    expect(plan.commands[1]?.args.slice(-3)).toEqual(['/s/a.tif', '/s/assigned-1.tif', '/s/warped.tif']);
  });
});

describe('grids', () => {
  test('rasters of one grid share it; others do not', () => {
    const east = info({ geoTransform: [1000, 10, 0, 520, 0, -10] });
    expect(commonGrid([info(), east])).toEqual({ extent: [0, 0, 2000, 520], resolution: [10, 10], size: [200, 52] });
    expect(commonGrid([info(), info({ geoTransform: [1003, 10, 0, 500, 0, -10] })])).toBeUndefined();
    expect(commonGrid([info(), info({ geoTransform: [1000, 11, 0, 500, 0, -10] })])).toBeUndefined();
    expect(commonGrid([info({ geoTransform: [0, 10, 1, 500, 0, -10] })])).toBeUndefined();
  });

  test('the size of all pixels', () => {
    expect(uncompressedBytes({ size: [1_000_000, 1_000_000], bands: info().bands })).toBe(4e12);
  });

  test('boxes in degrees', () => {
    expect(boxInDegrees(gridOfExtent([170, -10, 200, 95]))).toEqual([-180, -10, 180, 90]);
    expect(boxInDegrees(gridOfExtent([190, -10, 200, 10]))).toEqual([-170, -10, -160, 10]);
    expect(boxInDegrees([])).toBeUndefined();
    expect(parseTransformedPoints('1 2\ntransformation failed.\ninf inf\n-3.5 4e1\n')).toEqual([
      [1, 2],
      [-3.5, 40],
    ]);
  });

  test('a code counts when it is certain and the only one', () => {
    expect(identifiedCode('PROJCRS[…]\n\nIdentification match count: 1\nEPSG:31985: 100 %\n')).toBe('EPSG:31985');
    expect(identifiedCode('EPSG:31985: 70 %\n')).toBeUndefined();
    expect(identifiedCode('EPSG:1: 100 %\nEPSG:2: 100 %\n')).toBeUndefined();
  });
});

describe('gdalinfo', () => {
  test('bare nan and inf are read, and the same words in texts are left alone', () => {
    const parsed = parseRasterInfo(
      '{"driverShortName":"GTiff","size":[1,1],"bands":[{"type":"Float32","noDataValue":nan,"description":"a: nan, \\"inf\\": -inf"},{"type":"Float32","noDataValue":-inf}]}',
      'f',
    );
    expect(parsed.bands.map(({ noDataValue, description }) => [noDataValue, description])).toEqual([
      ['nan', 'a: nan, "inf": -inf'],
      ['-inf', undefined],
    ]);
    expect(() => parseRasterInfo('ERROR', 'f')).toThrow(
      expect.objectContaining({ code: 'FILE_UNREADABLE', details: { file: 'f' } }),
    );
  });

  test('only images of the file itself, by its own driver, can be chosen', () => {
    const listed = info({
      metadata: {
        SUBDATASETS: {
          SUBDATASET_1_NAME: 'NETCDF:"/s/a.nc":u',
          SUBDATASET_2_NAME: 'NETCDF:"/etc/x.nc":v',
          SUBDATASET_3_NAME: 'WMS:http://x',
          SUBDATASET_4_NAME: 'GTIFF_DIR:2:/s/a.nc',
          SUBDATASET_4_DESC: 'x',
        },
      },
    });
    expect(subdatasets(listed, '/s/a.nc')).toEqual([
      { layer: 'u', name: 'NETCDF:"/s/a.nc":u' },
      { layer: '2', name: 'GTIFF_DIR:2:/s/a.nc' },
    ]);
  });

  test('the only variable that is no coordinate needs no name', () => {
    const images = (...layers: string[]) => layers.map((layer) => ({ layer, name: layer }));
    expect(chooseImage(images('lat_bnds', 'tas', 'time_bnds'), undefined, 'f')?.layer).toBe('tas');
    expect(() => chooseImage(images('pr', 'tas'), undefined, 'f')).toThrow(
      'f has 2 variables: "pr", "tas". Name one with `layer` in the manifest.',
    );
    expect(() => chooseImage([], 'tas', 'f')).toThrow('f has no variable "tas"; it holds one image without a name.');
  });
});

describe('datasets of several files', () => {
  const planned = (files: { path: string; layer?: string }[], raster = {}) => {
    const manifest = ManifestSchema.parse({
      batch_id: 'b',
      uploader: 'ana',
      intent: 'ingest_raster',
      files: files.map((file) => ({ type: 'raster', format: 'GTiff', ...file })),
      metadata: { raster },
    });
    return planAssets({ run_id: 'r', dataset_id: 'elev', manifest }).map(({ dataset_id }) => dataset_id);
  };
  test('are named by file, and by variable where a file occurs twice', () => {
    expect(planned([{ path: 's3://l/a/Höhe #1.tif' }])).toEqual(['elev']);
    expect(planned([{ path: 's3://l/a.tif' }, { path: 's3://l/b.tif' }], { mosaic: true })).toEqual(['elev']);
    expect(
      planned([{ path: 's3://l/a/Höhe #1.tif' }, { path: 's3://l/b/Höhe (1).tif' }, { path: 's3://l/🌳.tif' }]),
    ).toEqual(['elev.Höhe_1', 'elev.Höhe_1_', 'elev._']);
    expect(
      planned([
        { path: 's3://l/w.nc', layer: 'u' },
        { path: 's3://l/w.nc', layer: 'v' },
        { path: 's3://l/x/w.nc' },
        { path: 's3://l/y/w.nc' },
      ]),
    ).toEqual(['elev.w.u', 'elev.w.v', 'elev.w', 'elev.w-2']);
    expect(
      planned([{ path: `s3://l/${'é'.repeat(200)}.tif` }, { path: `s3://l/${'é'.repeat(201)}.tif` }]).map((name) => [
        name.length,
        name.slice(-2),
      ]),
    ).toEqual([
      [100, 'éé'],
      [100, '-2'],
    ]);
  });
  test.each([
    [
      ['x/a', 'y/a', 'z/a-2'],
      ['a', 'a-3', 'a-2'],
    ],
    [
      ['z/a-2', 'x/a', 'y/a', 'w/a'],
      ['a-2', 'a', 'a-3', 'a-4'],
    ],
    [
      ['x/A', 'y/a', 'z/STRASSE', 'z/straße'],
      ['A', 'a-2', 'STRASSE', 'straße-2'],
    ],
    [
      ['a b', 'a#b', 'a_b', 'a_b-2'],
      ['a_b', 'a_b-3', 'a_b-4', 'a_b-2'],
    ],
  ])('%j are all different', (names, datasets) => {
    expect(planned(names.map((name) => ({ path: `s3://l/${name}.tif` })))).toEqual(
      datasets.map((name) => `elev.${name}`),
    );
  });
  test('ids depend on run and place only', () => {
    const manifest = ManifestSchema.parse({
      batch_id: 'b',
      uploader: 'ana',
      intent: 'ingest_raster',
      files: [{ path: 'x', type: 'raster', format: 'GTiff' }],
    });
    expect(planAssets({ run_id: 'r', dataset_id: 'd', manifest })[0]?._id).toBe(
      deterministicObjectId('asset', 'r', 'cog', 0),
    );
  });
});

describe('the rules of a COG', () => {
  const image = (fields: Partial<TiffDirectory>): TiffDirectory => ({
    offset: 16,
    end: 500,
    width: 1000,
    height: 900,
    tileWidth: 512,
    tileHeight: 512,
    reducedResolution: false,
    mask: false,
    firstBlock: 5000,
    lastBlock: 9000,
    ...fields,
  });
  const overview = (fields: Partial<TiffDirectory> = {}) =>
    image({
      offset: 500,
      end: 900,
      width: 500,
      height: 450,
      reducedResolution: true,
      firstBlock: 1000,
      lastBlock: 1000,
      ...fields,
    });

  test('hold for a good one, with and without a mask', () => {
    expect(checkCogLayout([image({}), overview()])).toEqual([]);
    expect(
      checkCogLayout([image({}), image({ offset: 500, mask: true, firstBlock: 5100 }), overview({ offset: 600 })]),
    ).toEqual([]);
  });

  test.each([
    ['strips', [image({ tileWidth: 0, tileHeight: 0 }), overview()], 'is not in tiles of 512'],
    ['no overviews', [image({})], 'overviews are missing'],
    ['directories out of order', [image({ offset: 900 }), overview()], 'directories are not in order'],
    ['data before directories', [image({}), overview({ firstBlock: 700 })], 'data stands before the last directory'],
    [
      'overview data last',
      [image({}), overview({ firstBlock: 9500, lastBlock: 9500 })],
      'data of an overview stands after',
    ],
    [
      'an overview that is not marked',
      [image({}), overview({ reducedResolution: false })],
      'is not marked as an overview',
    ],
    ['no image', [], 'it holds no image'],
  ])('are broken by %s', (_name, directories, problem) =>
    expect(checkCogLayout(directories).join('; ')).toContain(problem),
  );

  test('are read from the bytes: a plain GeoTIFF breaks them, another file is no TIFF', async () => {
    await using plain = await open(rasterFile('landsat.tif'));
    expect(checkCogLayout((await readTiffDirectories(plain)) ?? [])).toEqual([
      'the image of 160 x 200 is not in tiles of 512',
    ]);
    await using other = await open(rasterFile('sub.nc'));
    expect(await readTiffDirectories(other)).toBeUndefined();
  });
});
