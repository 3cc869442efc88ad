import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { withoutFreeingBlocks } from './atomic-writes.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice large é#'));
const second = mkdtempSync(join(tmpdir(), 'sluice second é#'));
afterAll(() => [folder, second].forEach((path) => rmSync(path, { recursive: true, force: true })));

test.each([
  ['keeps the blocks of a large file', 2 ** 20, 2],
  ['does not link a small file', 2 ** 20 - 1, 1],
])('%s during the removal, and removes the file', async (_title, bytes, links) => {
  const path = join(folder, 'objekt é');
  writeFileSync(path, Buffer.alloc(bytes));
  const removed = await withoutFreeingBlocks(path, second, () => {
    const { nlink } = statSync(path);
    rmSync(path);
    return nlink;
  });
  expect(removed).toBe(links);
  expect(existsSync(path)).toBe(false);
  expect(readdirSync(second)).toEqual([]);
});

test('removes even without a second name, and leaves none after an error', async () => {
  const missing = join(folder, 'missing');
  expect(await withoutFreeingBlocks(missing, second, () => 'removed')).toBe('removed');
  const path = join(folder, 'groß');
  writeFileSync(path, Buffer.alloc(2 ** 20));
  expect(await withoutFreeingBlocks(path, join(folder, 'no folder'), () => 'removed')).toBe('removed');
  await expect(
    withoutFreeingBlocks(path, second, () => {
      throw new Error('not removed');
    }),
  ).rejects.toThrow('not removed');
  expect(readdirSync(second)).toEqual([]);
});
