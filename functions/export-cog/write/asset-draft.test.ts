import { expect, test } from 'vitest';
import type { Gdal } from '#shared/gdal/gdal.ts';
import { gdalVersions } from './asset-draft.ts';

test('reads the versions once for all runs, with a signal that no run can abort', async () => {
  const calls: string[] = [];
  const gdal: Gdal = {
    run: async ({ args }, { signal }) => {
      signal.throwIfAborted();
      calls.push(args.join(' '));
      const stdout = args[0] === '--version' ? 'GDAL 3.6.2, released 2023/01/02\n' : 'PROJ_RUNTIME_VERSION=9.1.1\n';
      return { stdout, stderr: '', seconds: 0 };
    },
  };
  const [first, second] = await Promise.all([gdalVersions(gdal), gdalVersions(gdal)]);
  expect(first).toEqual({ GDAL: '3.6.2', PROJ: '9.1.1' });
  expect(second).toEqual(first);
  expect(calls).toEqual(['--version', '--build']);
});
