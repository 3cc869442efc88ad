import { expect, test } from 'vitest';
import type { Manifest } from '#shared/manifest/manifest.ts';
import { LANE_STEPS, LANES } from '#shared/contracts/lanes.ts';
import { RunDocumentSchema } from './documents.ts';
import { newDataset, newRun, runKey } from './new-run.ts';

const manifest: Manifest = { batch_id: 'Straße #1', uploader: 'ana', intent: 'ingest_vector', files: [], metadata: {} };
const request = {
  manifest,
  manifestId: 'a'.repeat(24),
  manifestKey: 'manifests/Straße #1.json',
  datasetId: 'straßen',
  operator: 'bob',
};

test.each([
  ['vector', 'b1', undefined, 'ingest:b1'],
  ['raster', 'b1', 1, 'ingest:b1'],
  ['tabular', 'b1', 2, 'tabular:b1:2'],
  ['join', 'Straße #1', 3, 'join:Straße #1:3'],
  ['vector', 'b1:2', undefined, 'ingest:b1%3A2'],
  ['vector', 'b1%3A2', undefined, 'ingest:b1%253A2'],
] as const)('run key of %s %s, attempt %s: %s', (lane, batchId, runNumber, expected) => {
  expect(runKey(lane, batchId, runNumber)).toBe(expected);
});

test.each(LANES)('a new run of the %s lane matches its schema, and all its steps are pending', (lane) => {
  const run = newRun({ ...request, lane, traceparent: '00-abc' });
  expect(RunDocumentSchema.parse(run)).toEqual(run);
  expect(run.steps.map((step) => step.name)).toEqual(LANE_STEPS[lane]);
  expect(run).toMatchObject({
    status: 'running',
    fence: 0,
    traceparent: '00-abc',
    rerun_of: null,
    tags: { operator: 'bob', uploader: 'ana', manifest_archive_key: 'archive/manifests/Straße #1.json' },
  });
  expect(new Set(run.steps.map((step) => step.status))).toEqual(new Set(['pending']));
});

test('the same batch has the same run ids, and a rerun has others', () => {
  const first = newRun({ ...request, lane: 'vector' });
  const again = newRun({ ...request, lane: 'vector', operator: 'eve' });
  const rerun = newRun({ ...request, lane: 'vector', rerunOf: first.run_id, runNumber: 2 });
  expect([again._id, again.run_id]).toEqual([first._id, first.run_id]);
  expect(rerun.run_id).not.toBe(first.run_id);
  expect(rerun).toMatchObject({ run_key: 'ingest:Straße #1:2', rerun_of: first.run_id, batch_id: first.batch_id });
});

test('the id of a dataset depends on its dataset_id only', () => {
  expect(newDataset('straßen')._id).toBe(newDataset('straßen')._id);
  expect(newDataset('straßen')).toMatchObject({ dataset_id: 'straßen', latest_version: 0 });
});
