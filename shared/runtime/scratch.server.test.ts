import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { testEnv } from '../../tests/servers.ts';
import { openScratch, runOfScratch, scratchName, scratchRoot } from './scratch.ts';

const claim = (token: number) => ({
  runId: '0d4a1f6e-2f64-8c11-9a3e-0123456789ab',
  step: 'load-to-postgis' as const,
  token,
});

test('each claim has its own folder; it deletes the folders of older claims of the step only', async () => {
  const env = testEnv();
  const [older, newer, other] = [
    scratchName(claim(2)),
    scratchName(claim(12)),
    scratchName({ ...claim(1), step: 'export-geoparquet' }),
  ].map((name) => join(scratchRoot(env), name));
  for (const folder of [older, newer, other]) await mkdir(folder ?? '');
  let own: string;
  {
    await using scratch = await openScratch(env, claim(11));
    own = scratch.folder;
    expect([own, older, newer, other].map((folder) => existsSync(folder ?? ''))).toEqual([true, false, true, true]);
  }
  expect(existsSync(own)).toBe(false);
});

test('the name of a folder contains its run', () => {
  expect(runOfScratch(scratchName(claim(7)))).toBe(claim(7).runId);
  expect(runOfScratch('somebody else')).toBeUndefined();
});
