import { expect, test } from 'vitest';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import { newBatch } from '../../tests/fixtures/documents.ts';
import { nameInput } from './step-input.ts';

const file = (name: string, row_count = 0) => ({ path: `s3://landing-zone/${name}`, row_count });

/** A run of these files, with the number of their rows, in which load-to-postgis is done. */
function runOf(files: ReturnType<typeof file>[], metadata: Record<string, unknown> = {}): RunDocument {
  const { run } = newBatch({ files: files.map(({ path }) => ({ path, format: 'GPKG' })), metadata });
  const reply = { id: '1', type: 'sluice.table.loaded', data: { files } };
  return { ...run, steps: run.steps.map((step) => (step.name === 'load-to-postgis' ? { ...step, reply } : step)) };
}

const tooComplex = (feature: number) =>
  new SluiceError('GEOMETRY_TOO_COMPLEX', `Feature ${feature} is wrong.`, { details: { features: [{ feature }] } });

test.each([
  [1, 'a é.gpkg'],
  [10, 'a é.gpkg'],
  [11, 'c#.gpkg'],
])('feature %i is in %s', (feature, name) => {
  const run = runOf([file('a é.gpkg', 10), file('empty.gpkg', 0), file('c#.gpkg', 5)]);
  expect(nameInput(tooComplex(feature), 'transform-recipe', run).message).toBe(
    `s3://landing-zone/${name}: Feature ${feature} is wrong. Step: transform-recipe.`,
  );
});

test('lists all files when added steps can renumber the features', () => {
  const run = runOf([file('a', 1), file('b', 1), file('c', 1), file('d', 1)], {
    recipe: { steps: [{ step: 'explode' }] },
  });
  expect(nameInput(tooComplex(2), 'transform-recipe', run).message).toBe(
    's3://landing-zone/a, s3://landing-zone/b, s3://landing-zone/c, … (4 files): Feature 2 is wrong. ' +
      'Step: transform-recipe.',
  );
});

test('names the batch of a run without files', () => {
  const { run } = newBatch({ lane: 'join', batchId: 'b 1' });
  const error = nameInput(new SluiceError('OUT_OF_MEMORY', 'No memory.'), 'join', run);
  expect(error.message).toBe('batch b 1: No memory. Step: join.');
});

test('does not change other errors', () => {
  const error = new SluiceError('GEOMETRY_INVALID', 'Feature 1 is wrong.');
  expect(nameInput(error, 'transform-recipe', runOf([file('a', 1)]))).toBe(error);
});
