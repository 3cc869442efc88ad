import { expect, test } from 'vitest';
import { redriveRejection } from './dead-letters.ts';

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
const nothing = { run: undefined, manifestKey: undefined, manifestExists: false };

test.each([
  ['a step of a running run', letter('export-geoparquet'), { ...nothing, run: run('running') }],
  ['an archive step that is not done', letter('archive'), { ...nothing, run: run('failure') }],
  ['fail-run of a running run', letter('fail-run'), { ...nothing, run: run('running') }],
  [
    'an upload whose manifest exists',
    letter('validate-manifest'),
    { ...nothing, manifestKey: 'manifests/é #1.json', manifestExists: true },
  ],
  ['an event without a run', letter('some-function'), nothing],
])('allows %s', (_what, letterOfCase, facts) => {
  expect(redriveRejection(letterOfCase, facts)).toBeUndefined();
});

test.each(['success', 'failure', 'canceled'] as const)(
  'rejects a step of a run with status %s and recommends a rerun',
  (status) => {
    expect(redriveRejection(letter('load-to-postgis'), { ...nothing, run: run(status) })).toMatchObject({
      code: 'RUN_CLOSED',
      details: { run_id: RUN_ID, status },
      message:
        `Run ${RUN_ID} has ended (${status}), so load-to-postgis would reject the event. ` +
        `Rerun it instead: npx sluice rerun ${RUN_ID}`,
    });
  },
);

test('rejects an archive step that is done', () => {
  expect(redriveRejection(letter('archive'), { ...nothing, run: run('success', 'done') })).toMatchObject({
    code: 'RUN_CLOSED',
    message: `Run ${RUN_ID} is archived. Discard this dead letter.`,
  });
});

test('rejects an upload whose manifest was archived', () => {
  expect(
    redriveRejection(letter('validate-manifest'), { ...nothing, manifestKey: 'manifests/é #1.json' }),
  ).toMatchObject({ code: 'MANIFEST_GONE', message: expect.stringContaining('manifests/é #1.json') as string });
});
