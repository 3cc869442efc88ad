import { expect, test } from 'vitest';
import { RunDocumentSchema } from '#shared/ledger/documents.ts';
import { newBatch } from '../../tests/fixtures/documents.ts';
import { runNumber, planRerun, findRunOfRequest } from './rerun.ts';

const { run: first } = newBatch({ batchId: 'Straße: 7', datasetId: 'straßen', metadata: { project: 'ALPHA' } });
const request = { operator: 'ana', requestId: 'r-1', force: false };

test('plans a run of the same manifest, lane and dataset with the next run key and the operator of the request', () => {
  const second = planRerun(first, [first], request);
  expect(RunDocumentSchema.parse(second)).toEqual(second);
  expect(second).toMatchObject({
    run_key: 'ingest:Straße%3A 7:2',
    rerun_of: first.run_id,
    request_id: 'r-1',
    manifest: first.manifest,
    manifest_id: first.manifest_id,
    dataset_id: 'straßen',
    status: 'running',
    tags: { ...first.tags, operator: 'ana' },
  });
  expect(planRerun(second, [second, first], { ...request, requestId: 'r-2' })).toMatchObject({
    run_key: 'ingest:Straße%3A 7:3',
    rerun_of: second.run_id,
  });
});

test('numbers the run after the highest number, in any order of the runs', () => {
  const third = planRerun(first, [first, planRerun(first, [first], request)], request);
  expect([runNumber(first), runNumber(third)]).toEqual([1, 3]);
  expect(planRerun(first, [first, third], request).run_key).toBe('ingest:Straße%3A 7:4');
});

test('sets force in a copy of the manifest', () => {
  expect(planRerun(first, [first], { ...request, force: true }).manifest.metadata).toEqual({
    ...first.manifest.metadata,
    force: true,
  });
  expect(first.manifest.metadata).toEqual({ project: 'ALPHA', tags: { dataset_id: 'straßen' } });
});

test('finds the run of a request by the request id', () => {
  const second = planRerun(first, [first], request);
  expect(findRunOfRequest([first, second], 'r-1')).toBe(second);
  expect(findRunOfRequest([first, second], 'r-2')).toBeUndefined();
});
