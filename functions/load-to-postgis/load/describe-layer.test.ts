import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cachePrj, describePlainShapefile, parsePlainDbfFields } from './describe-layer.ts';

const dbfOf = (...names: Buffer[]) =>
  Buffer.concat([
    Buffer.alloc(32),
    ...names.map((name) => Buffer.concat([name, Buffer.alloc(32 - name.length)])),
    Buffer.from([0x0d]),
  ]);

test('parsePlainDbfFields returns names, and nothing for tables that GDAL must describe', () => {
  expect(
    parsePlainDbfFields(dbfOf(Buffer.from('NAME'), Buffer.from('ELEVENCHARS')))?.map((field) => field.name),
  ).toEqual(['NAME', 'ELEVENCHARS']);
  for (const odd of [
    dbfOf(Buffer.from('größe', 'latin1')),
    dbfOf(Buffer.from('a'), Buffer.from('A')),
    dbfOf(),
    Buffer.alloc(40),
    Buffer.alloc(0),
  ])
    expect(parsePlainDbfFields(odd)).toBeUndefined();
});

test('a .prj text of more than 64 KiB is not cached', async () => {
  const path = join(await mkdtemp(join(tmpdir(), 'sluice-shp-')), 'a b.shp');
  const shp = Buffer.alloc(100);
  shp.writeInt32LE(5, 32);
  await writeFile(path, shp);
  await writeFile(path.replace('.shp', '.dbf'), dbfOf(Buffer.from('name')));
  const describeWith = async (prj: string) => {
    await writeFile(path.replace('.shp', '.prj'), prj);
    await cachePrj(path, { name: 'a b', geometryType: 'Polygon', fields: [], wkt: 'X["a"]' });
    return describePlainShapefile(path, true);
  };
  expect(await describeWith('x'.repeat(2 ** 16))).toMatchObject({
    name: 'a b',
    geometryType: 'Polygon',
    wkt: 'X["a"]',
  });
  expect(await describeWith('x'.repeat(2 ** 16 + 1))).toBeUndefined();
});
