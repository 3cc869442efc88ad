import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { withArchive } from '#shared/formats/archive.ts';
import { replaceMember } from './replace-member.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice member é#'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const members = (path: string) =>
  execa('python3', [
    '-c',
    'import json, sys, zipfile\nwith zipfile.ZipFile(sys.argv[1]) as z: print(json.dumps([z.testzip(), {n: z.read(n).decode() for n in z.namelist()}]))',
    path,
  ]);

test('the content of one member is replaced, all others are unchanged', async () => {
  const path = join(folder, 'mappe.xlsx');
  await execa('python3', [
    '-c',
    'import sys, zipfile\nwith zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED) as z:\n  [z.writestr(n, t) for n, t in [("a/é 😀.txt", "Grüße " * 99), ("styles", "old"), ("empty", "")]]',
    path,
  ]);
  await withArchive(path, 'mappe.xlsx', { maxBytes: 10_000 }, async (all) => {
    const styles = all.find(({ name }) => name === 'styles');
    if (styles !== undefined) await replaceMember(path, 'mappe.xlsx', all, styles, Buffer.from('größer'));
  });
  expect(JSON.parse((await members(path)).stdout)).toEqual([
    null,
    { 'a/é 😀.txt': 'Grüße '.repeat(99), styles: 'größer', empty: '' },
  ]);
  expect(
    await withArchive(path, 'mappe.xlsx', { maxBytes: 10_000 }, (all) =>
      Promise.resolve(all.map(({ name, size }) => [name, size])),
    ),
  ).toEqual([
    ['a/é 😀.txt', 792],
    ['styles', 8],
    ['empty', 0],
  ]);
});
