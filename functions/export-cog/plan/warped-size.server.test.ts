import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { parseTransformedPoints } from '#shared/gdal/crs/check-extent.ts';
import { rasterFile } from '../../../tests/fixtures/raster.ts';
import { parseRasterInfo } from '../read/raster-info.ts';
import { type PlacedRaster, targetPointsCommand, warpedSize } from './warped-size.ts';

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
    const estimated = warpedSize([{ size: info.size, points: parseTransformedPoints(stdout) }]);
    for (const axis of [0, 1] as const) expect(Math.abs((estimated?.[axis] ?? 0) / size[axis] - 1)).toBeLessThan(0.05);
    await rm(dirname(warped), { recursive: true });
  });
});
