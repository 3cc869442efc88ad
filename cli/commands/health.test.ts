import { expect, test } from 'vitest';
import { gdalDown } from '#shared/gdal/health.ts';
import { describeHealth } from './health.ts';

test('describes the servers, and GDAL of each function', () => {
  const works = {
    ...gdalDown(undefined),
    status: 'ok' as const,
    error: undefined,
    gdal_version: '3.6.2',
    vector_drivers: ['GPKG', 'GML'],
    raster_drivers: ['GTiff'],
    missing_drivers: ['LIBKML'],
    sandbox: { files: 'all' as const, network: 'none' as const, limits: true },
  };
  const text = describeHealth({
    status: 'down',
    checks: { ledger: 'ok', store: 'No response within 5 s.', postgis: 'ok', postgis_servers: { 'b:5432': 'weg' } },
    gdal: { 'export-cog': works, 'load-to-postgis': gdalDown(new Error('kein Netz')) },
    versions: { gateway: '0.2.0', functions: { archive: '0.2.0', join: '0.1.3', 'fail-run': null } },
  });
  expect(text.split('\n')).toEqual([
    'PART                     STATE  DETAILS',
    'ledger                   ok',
    'object store             down   No response within 5 s.',
    'PostGIS                  ok',
    'PostGIS server b:5432    down   weg',
    'GDAL of export-cog       ok     GDAL 3.6.2, PROJ unknown, 2 vector drivers, 1 raster driver, missing: driver ' +
      'LIBKML, sandbox limited',
    'GDAL of load-to-postgis  down   kein Netz',
    'versions                 ok     0.2.0, join 0.1.3, fail-run unknown',
  ]);
});

test('describes a gateway that reports neither GDAL nor versions', () => {
  const text = describeHealth({ status: 'ok', checks: { ledger: 'ok', store: 'ok', postgis: 'ok', broker: 'ok' } });
  expect(text.split('\n')).toEqual([
    'PART          STATE  DETAILS',
    'ledger        ok',
    'object store  ok',
    'PostGIS       ok',
    'broker        ok',
    'versions      ok     unknown',
  ]);
});
