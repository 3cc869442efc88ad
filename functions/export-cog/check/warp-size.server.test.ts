import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Gdal } from '#shared/gdal/gdal.ts';
import { createGdal } from '#shared/gdal/runner.ts';
import { testEnv } from '../../../tests/servers.ts';
import { type RasterFixture, openRasterFixture, rasterFile } from '../../../tests/fixtures/raster.ts';

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
