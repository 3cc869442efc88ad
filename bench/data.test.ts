import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { polygonFile } from './data.ts';

test('GDAL reads the parcels as valid polygons in EPSG:27700, with non-ASCII names', async () => {
  const file = await polygonFile(5000);
  const { stdout: fourth } = await execa('ogrinfo', ['-al', '-where', 'parcel_id = 4', file.shp]);
  expect(fourth).toContain('Dùn Èideann 3');
  const { stdout: summary } = await execa('ogrinfo', ['-so', '-al', file.shp]);
  expect(summary).toContain('Feature Count: 5000');
  expect(summary).toContain('ID["EPSG",27700]');
  const { stdout: invalid } = await execa('ogrinfo', [
    '-q',
    '-dialect',
    'SQLite',
    '-sql',
    'select count(*) as n from parcels where not ST_IsValid(geometry) or abs(ST_Area(geometry) - area_m2) > 1',
    file.shp,
  ]);
  expect(invalid).toContain('n (Integer) = 0');
});

test('files of the same count are identical', async () => {
  const { parts } = await polygonFile(5000);
  const hash = createHash('sha256');
  for (const part of parts) for await (const chunk of createReadStream(part)) hash.update(chunk as Buffer);
  expect(hash.digest('hex')).toMatchInlineSnapshot(
    `"227eb97fbabca752cedb4d87800094c1491ed83d1e4ee06301426045ef67a10f"`,
  );
});
