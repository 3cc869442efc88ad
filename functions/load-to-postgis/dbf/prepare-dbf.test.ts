import { copyFile, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { dataFile } from '../../../tests/fixtures/landing.ts';
import { prepareDbf } from './prepare-dbf.ts';

const FILE = 's3://landing-zone/größe.shp';
/** nc.dbf has 14 fields. */
const FIELDS = 14;

/** Reads a copy of nc.dbf, of which GDAL reads this number of fields. `recordBytes` replaces its record length. */
async function prepare(fields: number, recordBytes?: number): Promise<unknown> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-dbf-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, 'größe.shp');
  await copyFile(dataFile('nc.dbf'), join(folder, 'größe.dbf'));
  if (recordBytes !== undefined) {
    await using dbf = await open(join(folder, 'größe.dbf'), 'r+');
    await dbf.write(Buffer.from([recordBytes & 0xff, recordBytes >> 8]), 0, 2, 10);
  }
  const layer = { fields: Array.from({ length: fields }, (_, index) => ({ name: `F${index}` })) };
  type Arguments = Parameters<typeof prepareDbf>;
  return prepareDbf({ path, file: FILE } as Arguments[0], layer as Arguments[1], new AbortController().signal);
}

test('a table whose fields GDAL reads is accepted', async () => {
  expect(await prepare(FIELDS)).toMatchObject({ types: expect.any(Array) as unknown });
});

test('a table of which GDAL reads no field is rejected', async () => {
  await expect(prepare(0)).rejects.toMatchObject({
    code: 'FILE_UNREADABLE',
    message: `${FILE} is damaged: its .dbf declares 14 fields, but GDAL reads 0. Upload all files of the shapefile from the same export.`,
  });
});

test('a table with shorter records than fields is rejected', async () => {
  await expect(prepare(FIELDS, 20)).rejects.toMatchObject({
    code: 'FILE_UNREADABLE',
    message: expect.stringContaining('a record of its .dbf has 20 bytes, but its fields have') as string,
  });
});
