import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { asciiGridType } from './ascii-grid.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-asc-'));
afterAll(() => rmSync(folder, { recursive: true }));

const typeOf = (...values: string[]) => {
  const path = join(folder, 'a.asc');
  writeFileSync(
    path,
    `NCOLS 2\nnrows 1\nxllcorner 0.5\nyllcorner 0\ncellsize 1e-3\nNODATA_value -9999.5\n${values.join(' ')}`,
  );
  return asciiGridType(path, 's3://l/a.asc', new AbortController().signal);
};

test.each([
  ['Int32', ['1', '-2147483648', '2147483647']],
  ['Float64', ['1', '2147483649']],
  ['Float32', ['1', '4294967296.0']],
  ['Float32', ['1.5', '-99999.5', '1e3', 'nan']],
  ['Float32', ['0.1', '12345.67', '3.402823e+38']],
  ['Float64', ['1.5', '123456789.25']],
  ['Float64', ['16777217', '1.5']],
  ['Float64', ['1.5', '16777217']],
  ['Float64', ['1,5', '0.123456789']],
  ['Int32', [...Array.from({ length: 100_000 }, () => '12')]],
  ['Float32', [...Array.from({ length: 100_000 }, () => '12'), '1,5']],
])('%s holds all values of a grid (%#)', async (type, values) => expect(await typeOf(...values)).toBe(type));

test('rejects what is not a number', async () => {
  await expect(typeOf('1', 'null')).rejects.toMatchObject({
    code: 'FILE_UNREADABLE',
    message: 's3://l/a.asc contains "null" where a number is expected.',
  });
});
