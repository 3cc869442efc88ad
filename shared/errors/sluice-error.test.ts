import { expect, test } from 'vitest';
import { asSluiceError, SluiceError } from './sluice-error.ts';

test('a long message keeps its beginning and its end', () => {
  const { message } = asSluiceError(new Error(`"${'1'.repeat(3_000_000)}" is out of range`));
  expect(message).toMatch(/^"1{1900,2000}…1{1900,2000}" is out of range$/);
  expect(new SluiceError('INTERNAL', 'short').message).toBe('short');
});

test('a cut message contains no unpaired surrogate, which PostgreSQL cannot store', () => {
  expect(new SluiceError('INTERNAL', '🗺'.repeat(9_000)).message.isWellFormed()).toBe(true);
  expect(new SluiceError('INTERNAL', `a${'🗺'.repeat(9_000)}`).message.isWellFormed()).toBe(true);
});

test('only large details are cut: long texts, and lists and objects with many entries', () => {
  const layers = Array.from({ length: 200 }, (_, index) => `layer ${index}`);
  expect(new SluiceError('LAYER_MISSING', 'x', { details: { layers } }).details).toEqual({ layers });

  const names = Array.from({ length: 9_000 }, (_, index) => `${index} ${'n'.repeat(1_000)}`);
  const details = { layers: names, counts: Object.fromEntries(names.map((name) => [name, 1])), row: 7, run_id: null };
  const cut = new SluiceError('LAYER_MISSING', 'x', { details }).toDocument().details;
  expect(cut).toMatchObject({
    row: 7,
    run_id: null,
    layers: expect.arrayContaining([expect.stringMatching(/^0 n+…n+$/)]) as unknown,
  });
  expect(JSON.stringify(cut).length).toBeLessThan(64 * 2 ** 10);
});

test.each(['ENOSPC: no space left on device, write', 'database or disk is full', 'write: Disk quota exceeded'])(
  'the error %j means that the disk is full',
  (message) => expect(asSluiceError(new Error(message)).code).toBe('DISK_FULL'),
);
