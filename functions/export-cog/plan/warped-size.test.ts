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

/** No .aux.xml beside test data. */
const UNTOUCHED = { env: { GDAL_PAM_ENABLED: 'NO' } };

/** The places of a raster of 300 x 400 pixels whose corners come to `first` and `last`, and that reaches as far as `others`. */
const raster = (first: [number, number], last: [number, number], ...others: [number, number][]): PlacedRaster => ({
  size: [300, 400],
  points: [first, ...others, last],
});

describe('the size of a warped raster', () => {
  test('its diagonal keeps its number of pixels', () => {
    expect(warpedSize([raster([0, 400], [300, 0])])).toEqual([300, 400]);
    expect(warpedSize([raster([0, 4], [3, 0])])).toEqual([300, 400]);
  });
  test('a mosaic is as wide as all of them, in the smallest pixels', () => {
    expect(warpedSize([raster([0, 400], [300, 0]), raster([1000, 40], [1030, 0])])).toEqual([10_300, 4000]);
  });
  test('corners that fall on one line count by the bounds, points without a place not at all', () => {
    expect(warpedSize([raster([0, 0], [300, 0], [10, 400])])).toEqual([300, 400]);
    expect(warpedSize([{ size: [300, 400], points: [undefined, [0, 400], [300, 0], undefined] }])).toEqual([300, 400]);
    expect(warpedSize([{ size: [300, 400], points: [undefined, undefined] }])).toBeUndefined();
  });
  test('corners that come together make a grid without end', () => {
    expect(warpedSize([raster([0, 0], [1e-9, 1e-9], [1000, 0])])?.[0]).toBeGreaterThan(1e13);
  });
  test.each([
    ['landsat.tif', 'EPSG:4326'],
    ['landsat.tif', 'EPSG:3035'],
    ['landsat.tif', 'EPSG:3857'],
    ['lc.tif', 'EPSG:4326'],
    ['lc.tif', 'EPSG:3413'],
    ['olinda_dem_utm25s.tif', 'EPSG:3857'],
  ])('is what gdalwarp makes of %s in %s, to a few percent', async (name, target) => {
    const path = rasterFile(name);
    const info = parseRasterInfo((await execa('gdalinfo', ['-json', path], UNTOUCHED)).stdout, name);
    const {
      command,
      args,
      input = '',
    } = targetPointsCommand({ name: path, info, drivers: [], crs: '', crsOverrides: false }, '', target, []);
    const { stdout } = await execa(command, args, { input });
    const warped = join(mkdtempSync(join(tmpdir(), 'sluice-warp-')), 'größe.tif');
    await execa('gdalwarp', ['-q', '-t_srs', target, path, warped]);
    const { size } = parseRasterInfo((await execa('gdalinfo', ['-json', warped], UNTOUCHED)).stdout, name);
    const foreseen = warpedSize([{ size: info.size, points: parseTargetPoints(stdout) }]);
    for (const axis of [0, 1] as const) expect(Math.abs((foreseen?.[axis] ?? 0) / size[axis] - 1)).toBeLessThan(0.05);
    await rm(dirname(warped), { recursive: true });
  });
  test('a line of gdaltransform is a place, or says that there is none', () => {
    expect(parseTargetPoints('1 2\ntransformation failed.\n-3.5 inf\n1e3 -2\n')).toEqual([
      [1, 2],
      undefined,
      undefined,
      [1000, -2],
    ]);
  });
});

describe('a grid that would fill the disk', () => {
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

  /** A GeoTIFF of real pixels in another place. */
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
    // Both corners lie within a meter, the other two 64 km away.
    ['of a sheared grid', [500_000, 200.002, -160, 5_000_000, 200.003, -160], 'EPSG:32633', {}],
    [
      'of a sheared grid in another system',
      [500_000, 200.002, -160, 5_000_000, 200.003, -160],
      'EPSG:32633',
      { target_crs: 'EPSG:3857' },
    ],
  ])('%s is refused before gdalwarp begins', async (name, transform, crs, parameters) => {
    ran.length = 0;
    const path = await placed(name, transform, crs);
    const error = await landing.ingest({ path, format: 'GTiff' }, parameters).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'FILE_TOO_LARGE',
      retryable: false,
      details: { files: [path], limit: 2 ** 30, variable: 'MAX_FILE_BYTES' },
    });
    expect((error as Error).message).toContain(`${path} would become a grid of `);
    expect(ran).not.toContain('gdalwarp');
  });

  test('of small rasters far apart is refused, in their own system and in another', async () => {
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
        message: expect.stringContaining('The mosaic of 2 files would become a grid of ') as string,
      });
      expect(ran).not.toContain('gdalwarp');
    }
  });
});
