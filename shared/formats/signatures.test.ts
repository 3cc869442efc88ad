import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readFirstBytes } from './signatures.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-first-bytes é-'));
afterAll(() => rmSync(folder, { recursive: true }));

test.each([
  ['all bytes of a shorter file', 'ab', 4, 'ab'],
  ['no more than the requested bytes', 'abcdef', 4, 'abcd'],
  ['nothing of an empty file', '', 4, ''],
])('reads %s', async (_case, content, count, expected) => {
  const path = join(folder, 'ä #.txt');
  writeFileSync(path, content);
  expect((await readFirstBytes(path, count)).toString()).toBe(expected);
});

test('rejects a missing file with the error of the file system', async () => {
  await expect(readFirstBytes(join(folder, 'missing'), 4)).rejects.toMatchObject({ code: 'ENOENT' });
});
