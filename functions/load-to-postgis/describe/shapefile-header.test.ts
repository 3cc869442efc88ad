import { expect, test } from 'vitest';
import { parsePlainDbfFields } from './shapefile-header.ts';

test('parsePlainDbfFields returns names, and nothing for tables that GDAL must describe', () => {
  const dbf = (...names: Buffer[]) =>
    Buffer.concat([
      Buffer.alloc(32),
      ...names.map((name) => Buffer.concat([name, Buffer.alloc(32 - name.length)])),
      Buffer.from([0x0d]),
    ]);
  expect(parsePlainDbfFields(dbf(Buffer.from('NAME'), Buffer.from('ELEVENCHARS')))?.map((field) => field.name)).toEqual(
    ['NAME', 'ELEVENCHARS'],
  );
  for (const odd of [
    dbf(Buffer.from('größe', 'latin1')),
    dbf(Buffer.from('a'), Buffer.from('A')),
    dbf(),
    Buffer.alloc(40),
    Buffer.alloc(0),
  ])
    expect(parsePlainDbfFields(odd)).toBeUndefined();
});
