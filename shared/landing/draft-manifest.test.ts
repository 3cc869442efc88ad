import { expect, test } from 'vitest';
import { DraftSchema, manifestOfDraft } from './draft-manifest.ts';

const file = { path: 's3://landing-zone/uploads/1/Straßen #1.gpkg', type: 'vector', format: 'GPKG' };
const plan = (draft: Record<string, unknown>) =>
  manifestOfDraft(DraftSchema.parse({ dataset_id: 'straßen', files: [file], ...draft }), {
    batchId: 'straßen-1',
    uploader: 'zoë',
  });

test('the type of the first file decides the intent', () => {
  expect(plan({})).toMatchObject({ issues: [], manifest: { intent: 'ingest_vector' } });
});

test.each([[{ toString: 1 }], ['constructor'], [undefined]])('the type %j of a file is an issue', (type) => {
  const { manifest, issues } = plan({ files: [{ ...file, type }] });
  expect(manifest).toBeUndefined();
  expect(issues.map(({ field }) => field)).toEqual(expect.arrayContaining(['intent', 'files[0].type']));
});

test('the tags of a draft are kept, and get its dataset', () => {
  const { manifest } = plan({ metadata: { tags: { Straßenbaulast: 'Kreis' } } });
  expect(manifest?.metadata.tags).toEqual({ Straßenbaulast: 'Kreis', dataset_id: 'straßen' });
});

test.each([['a'], [['a']], [null]])('tags that are no object are an issue: %j', (tags) => {
  expect(plan({ metadata: { tags } }).issues).toMatchObject([{ field: 'metadata.tags' }]);
});

test('the issues of many unknown fields are counted, and the first are listed', () => {
  const parameters = Object.fromEntries(Array.from({ length: 20_000 }, (_, id) => [`feld ${id}`, id]));
  const { issues, count } = plan({ metadata: { tabular: parameters } });
  expect([issues.length, count]).toEqual([50, 20_000]);
  expect(issues[0]).toMatchObject({
    field: 'metadata.tabular["feld 0"]',
    message: expect.stringMatching(/^is an unknown field; expected one of /) as string,
  });
});
