import { expect, test, vi } from 'vitest';
import { SILENT_LOG } from '#shared/log/log.ts';
import { checkGdal, GdalHealthSchema } from './health.ts';

test('reports versions, drivers and sandbox of the installed GDAL', async () => {
  const health = GdalHealthSchema.parse(await checkGdal(SILENT_LOG));
  expect(health).toMatchObject({ status: 'ok', missing_programs: [], sandbox: { limits: true } });
  expect([health.gdal_version, health.proj_version, health.geos_version]).toEqual(
    Array.from({ length: 3 }, () => expect.stringMatching(/^\d+\.\d+\.\d+/) as string),
  );
  expect(health.vector_drivers).toEqual(expect.arrayContaining(['GPKG', 'ESRI Shapefile']));
  expect(health.raster_drivers).toEqual(expect.arrayContaining(['GTiff', 'COG']));
});

test('without GDAL, it is down and names the programs', async () => {
  vi.stubEnv('PATH', '/nonexistent é');
  try {
    const health = await checkGdal(SILENT_LOG);
    expect(health.status).toBe('down');
    expect(health.error).toMatch(/is not installed or cannot be started/);
    expect(health.missing_programs).toContain('ogr2ogr');
  } finally {
    vi.unstubAllEnvs();
  }
});
