import { expect, test } from 'vitest';
import { type ExceededLimit, type ProgramUsage, StallMeter, watchProgram } from './program-watch.ts';

test('counts the processor time since the last read or write', () => {
  const meter = new StallMeter();
  expect(meter.add({ cpuSeconds: 5, io: 'rchar: 1', rssBytes: 0 })).toBe(0);
  expect(meter.add({ cpuSeconds: 9, io: 'rchar: 1', rssBytes: 0 })).toBe(4);
  expect(meter.add({ cpuSeconds: 12, io: 'rchar: 2', rssBytes: 0 })).toBe(0);
  expect(meter.add({ cpuSeconds: 12.5, io: 'rchar: 2', rssBytes: 0 })).toBe(0.5);
});

/** Feeds a watch with usages; the last one is repeated. Resolves with the limit that was exceeded. */
function watch(usages: (ProgramUsage | undefined)[], memoryBytes: number | undefined) {
  return new Promise<{ limit: ExceededLimit; reads: number }>((resolve) => {
    let reads = 0;
    const read = () => Promise.resolve(usages[Math.min(reads++, usages.length - 1)]);
    watchProgram(1, { stalledCpuSeconds: 2, memoryBytes }, (limit) => resolve({ limit, reads }), read, 1);
  });
}

test('limits memory only where the kernel does not, and ignores a usage that cannot be read', async () => {
  const usages = [undefined, { cpuSeconds: 1, io: 'a', rssBytes: 200 }, { cpuSeconds: 3, io: 'a', rssBytes: 200 }];
  expect(await watch(usages, 100)).toEqual({ limit: 'memory', reads: 2 });
  expect(await watch(usages, undefined)).toEqual({ limit: 'progress', reads: 3 });
});
