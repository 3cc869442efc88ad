import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { testEnv } from '../../../tests/servers.ts';
import type { Gdal } from '../gdal.ts';
import { createGdal } from '../runner.ts';
import { identifiedCode, identifyCrs, lookUpCrs } from './look-up-crs.ts';

test('accepts a code that is certain and unique', () => {
  expect(identifiedCode('PROJCRS[…]\n\nIdentification match count: 1\nEPSG:31985: 100 %\n')).toBe('EPSG:31985');
  expect(identifiedCode('EPSG:31985: 70 %\n')).toBeUndefined();
  expect(identifiedCode('EPSG:1: 100 %\nEPSG:2: 100 %\n')).toBeUndefined();
});

test('identifies each CRS once', async () => {
  const { signal } = new AbortController();
  const started: string[] = [];
  const gdal = createGdal(testEnv());
  const counted: Gdal = {
    run: (command, options) => {
      started.push(command.command);
      return gdal.run(command, options);
    },
  };
  const identify = async (meridian: number) =>
    (await identifyCrs(counted, await lookUpCrs(counted, utm(meridian), signal), signal)).authority;
  expect(await identify(9)).toEqual({ name: 'EPSG', code: '32632' });
  expect(await identify(9.5)).toBeUndefined();
  expect(started.length).toBeGreaterThan(0);
  started.length = 0;
  expect(await identify(9)).toEqual({ name: 'EPSG', code: '32632' });
  expect(await identify(9.5)).toBeUndefined();
  expect(started).toEqual([]);
});

test('keeps the text of a CRS in memory, but not the document that contains it', async () => {
  const { signal } = new AbortController();
  const gdal = createGdal(testEnv());
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const bytes = () => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const documentBytes = 2 ** 25;
  const documents = 6;
  const partOfDocument = (wkt: string) => Buffer.from(wkt.padEnd(documentBytes)).toString().slice(0, wkt.length);
  const before = bytes();
  for (let n = 0; n < documents; n += 1) await lookUpCrs(gdal, partOfDocument(utm(10 + n)), signal);
  // Two of them may still be in use, because other tests run in this process, too.
  await expect.poll(() => bytes() - before).toBeLessThan((documents / 2) * documentBytes);
});

/** UTM zone 32N without its code. With another meridian, no code has this definition. */
function utm(meridian: number): string {
  return (
    'PROJCS["WGS 84 / UTM zone 32N",GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563]],' +
    'PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],' +
    `PARAMETER["latitude_of_origin",0],PARAMETER["central_meridian",${meridian}],PARAMETER["scale_factor",0.9996],` +
    'PARAMETER["false_easting",500000],PARAMETER["false_northing",0],UNIT["metre",1]]'
  );
}
