import { expect, test } from 'vitest';
import { lanesServedBy, SERVED_LANES } from './served-lanes.ts';

test('a lane is served when a function subscribes to its runs', () => {
  const stack = (topic: string) =>
    `functions:\n  quiet: {lang: node}\n  export-cog:\n    annotations:\n      topic: ${topic}\n      sluice.concurrency: 8\n`;
  expect([...lanesServedBy(stack('sluice.table.loaded'))]).toEqual([]);
  expect([...lanesServedBy(stack('"sluice.table.loaded, sluice.run.requested.raster"'))]).toEqual(['raster']);
});

test('this installation serves vector files', () => expect(SERVED_LANES.has('vector')).toBe(true));
