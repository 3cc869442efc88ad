import { expect, test } from 'vitest';
import {
  afterRestart,
  ofRun,
  manifestRejected,
  runCanceled,
  runFailed,
  runRequested,
  runSucceeded,
} from './run-events.ts';

const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const RUN = { run_id: '0d4a1f6e-2f64-8c11-9a3e-0123456789ab', lane: 'vector', traceparent: TRACE } as const;
const ERROR = { code: 'FILE_MISSING', message: 'größe.zip', details: {} } as const;

test('every event of a run has the traceparent of the run', () => {
  const events = [runRequested(RUN), runFailed(RUN, ERROR), runSucceeded(RUN), runCanceled(RUN, 'zoë')];
  expect(events.map(({ traceparent }) => traceparent)).toEqual([TRACE, TRACE, TRACE, TRACE]);
  const manifest = { _id: '0'.repeat(24), manifest_key: 'manifests/é.json', error: null };
  expect(manifestRejected(manifest, TRACE).traceparent).toBe(TRACE);
});

test('the traceparent of the run replaces any other one', () => {
  const event = { ...runSucceeded(RUN), traceparent: '00-other' };
  expect(ofRun(RUN, event).traceparent).toBe(TRACE);
  expect(ofRun({ traceparent: null }, event)).not.toHaveProperty('traceparent');
});

test('an event has another id after each restart', () => {
  const ids = [undefined, 1, 2].map((restarts) => afterRestart({ restarts }, runSucceeded(RUN)).id);
  expect(new Set(ids).size).toBe(3);
  expect(runRequested({ ...RUN, restarts: 1 }).id).not.toBe(runRequested(RUN).id);
});
