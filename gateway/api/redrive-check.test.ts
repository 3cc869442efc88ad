import { expect, test } from 'vitest';
import { redriveRefusal } from './redrive-check.ts';

const RUN_ID = '0d4a1f6e-2f64-8c11-9a3e-0123456789ab';
const run = (status: 'running' | 'success' | 'failure' | 'canceled', archive: 'pending' | 'done' = 'pending') => ({
  run_id: RUN_ID,
  status,
  steps: [
    {
      name: 'archive',
      status: archive,
      attempt: 1,
      token: 1,
      owner: null,
      lease_until: null,
      started_at: null,
      finished_at: null,
      reply: null,
      error: null,
    },
  ],
});
const letter = (name: string) => ({ id: 'l-1', function: name });
const nothing = { run: undefined, manifestKey: undefined, manifestWaits: false };

test.each([
  ['a step of a run under way', letter('export-geoparquet'), { ...nothing, run: run('running') }],
  ['the archive step that is missing', letter('archive'), { ...nothing, run: run('failure') }],
  ['fail-run, which could not close its run', letter('fail-run'), { ...nothing, run: run('running') }],
  [
    'an upload whose manifest still waits',
    letter('validate-manifest'),
    { ...nothing, manifestKey: 'manifests/é #1.json', manifestWaits: true },
  ],
  ['an event that is about no run', letter('some-function'), nothing],
])('%s can be delivered again', (_what, dead, facts) => {
  expect(redriveRefusal(dead, facts)).toBeUndefined();
});

test.each(['success', 'failure', 'canceled'] as const)(
  'a step of a run that ended as %s is refused, and the rerun is named',
  (status) => {
    expect(redriveRefusal(letter('load-to-postgis'), { ...nothing, run: run(status) })).toMatchObject({
      code: 'RUN_CLOSED',
      details: { run_id: RUN_ID, status },
      message: `Run ${RUN_ID} has ended (${status}), so load-to-postgis would do nothing for it. Rerun it instead: npx sluice rerun ${RUN_ID}`,
    });
  },
);

test('nothing is archived twice', () => {
  expect(redriveRefusal(letter('archive'), { ...nothing, run: run('success', 'done') })).toMatchObject({
    code: 'RUN_CLOSED',
    message: expect.stringContaining('Discard') as string,
  });
});

test('an upload whose manifest was archived has to be uploaded again', () => {
  expect(redriveRefusal(letter('validate-manifest'), { ...nothing, manifestKey: 'manifests/é #1.json' })).toMatchObject(
    { code: 'MANIFEST_GONE', message: expect.stringContaining('manifests/é #1.json') as string },
  );
});
