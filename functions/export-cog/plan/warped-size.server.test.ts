import { mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Gdal } from '#shared/gdal/gdal.ts';
import { createGdal } from '#shared/gdal/runner.ts';
import { testEnv } from '../../../tests/servers.ts';
import { type RasterFixture, openRasterFixture, rasterFile } from '../../../tests/fixtures/raster.ts';
import { parseRasterInfo } from '../read/raster-info.ts';
import { parseTargetPoints, targetPointsCommand, type PlacedRaster, warpedSize } from './warped-size.ts';

/** Writes no .aux.xml files into the test data. */
const NO_PAM = { env: { GDAL_PAM_ENABLED: 'NO' } };

/** A raster of 300 x 400 pixels with its first and last corner, and other points, in the target CRS. */
const raster = (first: [number, number], last: [number, number], ...others: [number, number][]): PlacedRaster => ({
  size: [300, 400],
  points: [first, ...others, last],
});

describe('warpedSize', () => {
  test('keeps the number of pixels on the diagonal', () => {
    expect(warpedSize([raster([0, 400], [300, 0])])).toEqual([300, 400]);
    expect(warpedSize([raster([0, 4], [3, 0])])).toEqual([300, 400]);
  });
  test('covers all rasters of a mosaic with the smallest pixels', () => {
    expect(warpedSize([raster([0, 400], [300, 0]), raster([1000, 40], [1030, 0])])).toEqual([10_300, 4000]);
  });
  test('uses the extent when both corners are on one line, and ignores points that cannot be transformed', () => {
    expect(warpedSize([raster([0, 0], [300, 0], [10, 400])])).toEqual([300, 400]);
    expect(warpedSize([{ size: [300, 400], points: [undefined, [0, 400], [300, 0], undefined] }])).toEqual([300, 400]);
    expect(warpedSize([{ size: [300, 400], points: [undefined, undefined] }])).toBeUndefined();
  });
  test('is huge when both corners are close together', () => {
    expect(warpedSize([raster([0, 0], [1e-9, 1e-9], [1000, 0])])?.[0]).toBeGreaterThan(1e13);
  });
  test.each([
    ['landsat.tif', 'EPSG:4326'],
    ['landsat.tif', 'EPSG:3035'],
    ['landsat.tif', 'EPSG:3857'],
    ['lc.tif', 'EPSG:4326'],
    ['lc.tif', 'EPSG:3413'],
    ['olinda_dem_utm25s.tif', 'EPSG:3857'],
  ])('differs from the grid of gdalwarp for %s in %s by less than 5 %', async (name, target) => {
    const path = rasterFile(name);
    const info = parseRasterInfo((await execa('gdalinfo', ['-json', path], NO_PAM)).stdout, name);
    const {
      command,
      args,
      input = '',
    } = targetPointsCommand(
      { file: name, name: path, info, drivers: [], crs: '', crsOverrides: false },
      '',
      target,
      [],
    );
    const { stdout } = await execa(command, args, { input });
    const warped = join(mkdtempSync(join(tmpdir(), 'sluice-warp-')), 'größe.tif');
    await execa('gdalwarp', ['-q', '-t_srs', target, path, warped]);
    const { size } = parseRasterInfo((await execa('gdalinfo', ['-json', warped], NO_PAM)).stdout, name);
    const estimated = warpedSize([{ size: info.size, points: parseTargetPoints(stdout) }]);
    for (const axis of [0, 1] as const) expect(Math.abs((estimated?.[axis] ?? 0) / size[axis] - 1)).toBeLessThan(0.05);
    await rm(dirname(warped), { recursive: true });
  });
  test('parses points and failed transformations of gdaltransform', () => {
    expect(parseTargetPoints('1 2\ntransformation failed.\n-3.5 inf\n1e3 -2\n')).toEqual([
      [1, 2],
      undefined,
      undefined,
      [1000, -2],
    ]);
  });
});

describe('checkWarpSize', () => {
  const ran: string[] = [];
  let landing: RasterFixture;
  beforeAll(async () => {
    const real = createGdal(testEnv());
    const gdal: Gdal = {
      run: (command, options) => {
        ran.push(command.command);
        return real.run(command, options);
      },
    };
    landing = await openRasterFixture({ gdal, variables: { MAX_FILE_BYTES: String(2 ** 30) } });
  });
  afterAll(() => landing[Symbol.asyncDispose]());

  /** A GeoTIFF with the pixels of a test file and another georeference. */
  const placed = async (name: string, transform: number[], crs: string): Promise<string> => {
    const vrt = join(landing.folder, `${name}.vrt`);
    writeFileSync(
      vrt,
      `<VRTDataset rasterXSize="160" rasterYSize="200"><SRS>${crs}</SRS><GeoTransform>${transform.join(',')}</GeoTransform><VRTRasterBand dataType="Byte" band="1"><SimpleSource><SourceFilename>${rasterFile('landsat.tif')}</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>`,
    );
    const path = join(landing.folder, `${name}.tif`);
    await execa('gdal_translate', ['-q', vrt, path]);
    return landing.upload(path);
  };

  test.each([
    // Two opposite corners are within one meter; the other two are 64 km away.
    ['of a sheared grid', [500_000, 200.002, -160, 5_000_000, 200.003, -160], 'EPSG:32633', {}],
    [
      'of a sheared grid in another CRS',
      [500_000, 200.002, -160, 5_000_000, 200.003, -160],
      'EPSG:32633',
      { target_crs: 'EPSG:3857' },
    ],
  ])('rejects a raster %s before gdalwarp starts', async (name, transform, crs, parameters) => {
    ran.length = 0;
    const path = await placed(name, transform, crs);
    const error = await landing.ingest({ path, format: 'GTiff' }, parameters).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'FILE_TOO_LARGE',
      retryable: false,
      details: { files: [path], limit: 2 ** 30, variable: 'MAX_FILE_BYTES' },
    });
    expect((error as Error).message).toContain(`${path} would have `);
    expect(ran).not.toContain('gdalwarp');
  });

  test('rejects a mosaic of small rasters that are far apart, in their CRS and in another', async () => {
    const near = await placed('nah', [500_000, 1, 0, 5_000_000, 0, -1], 'EPSG:32633');
    const far = await placed('fern', [600_000.5, 1, 0, 5_100_000.5, 0, -1], 'EPSG:32633');
    for (const parameters of [{ mosaic: true }, { mosaic: true, target_crs: 'EPSG:4326' }]) {
      ran.length = 0;
      const error = await landing
        .ingest(
          [near, far].map((path) => ({ path, format: 'GTiff' })),
          parameters,
        )
        .catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({
        code: 'FILE_TOO_LARGE',
        message: expect.stringContaining('The mosaic of 2 files would have ') as string,
      });
      expect(ran).not.toContain('gdalwarp');
    }
  });
});
