import { expect, test } from 'vitest';
import type { ErrorDocument } from '#shared/errors/sluice-error.ts';
import { runRequested } from '#shared/events/run-events.ts';
import type { Step } from '#shared/ledger/documents.ts';
import {
  chooseError,
  type DeliveryFailure,
  findFailedStep,
  isBusy,
  readFailure,
  withFiles,
  yieldsToClaim,
} from './delivery-failure.ts';

const event = runRequested({ run_id: '0d4a1f6e-2f64-8c11-9a3e-0123456789ab', lane: 'vector', traceparent: null });
const base64 = (text: string) => Buffer.from(text).toString('base64');
const missing: ErrorDocument = {
  code: 'CRS_MISSING',
  message: 'straßen #2.shp has no .prj file.',
  details: { file: 'straßen #2.shp' },
};

test('reads function, error and status from the attributes', () => {
  expect(
    readFailure({
      ...event,
      knativeerrordest: 'load-to-postgis',
      knativeerrorcode: '422',
      knativeerrordata: base64(JSON.stringify({ error: missing })),
    }),
  ).toEqual({ functionName: 'load-to-postgis', error: missing, httpStatus: '422' });
});

test.each([
  ['http://load-to-postgis.sluice.svc.cluster.local', 'load-to-postgis'],
  ['load-to-postgis', 'load-to-postgis'],
  [undefined, undefined],
])('the destination %s is the function %s', (knativeerrordest, functionName) =>
  expect(readFailure({ ...event, knativeerrordest }).functionName).toBe(functionName),
);

test.each([
  undefined,
  '',
  base64('<html>Bad gateway'),
  base64('{"error":{"code":"CRS_MIS'),
  base64('{"error":{"code":"NOPE","message":""}}'),
])('the reply %j contains no error document', (knativeerrordata) => {
  expect(readFailure({ ...event, knativeerrordata }).error).toBeUndefined();
});

const step = (name: string, fields: Partial<Step>) => ({ name, reply: null, ...fields }) as Step;
const nothing = { functionName: undefined, error: undefined, httpStatus: undefined };

test('the failed step is the one of the function, of the event, or the first that is not done', () => {
  const reply = { ...event, type: 'sluice.table.loaded' };
  const run = {
    steps: [
      step('load-to-postgis', { status: 'done', reply }),
      step('transform-recipe', { status: 'done' }),
      step('export-geoparquet', { status: 'pending' }),
    ],
  };
  const failed = (functionName: string | undefined, type: string) =>
    findFailedStep(run, { ...nothing, functionName }, { type })?.name;
  expect(failed('export-geoparquet', 'sluice.table.loaded')).toBe('export-geoparquet');
  expect(failed('broker-ingress', 'sluice.table.loaded')).toBe('transform-recipe');
  expect(failed('broker-ingress', 'sluice.run.requested.vector')).toBe('load-to-postgis');
  expect(failed(undefined, 'sluice.table.ready')).toBe('export-geoparquet');
});

const silent: ErrorDocument = { code: 'FUNCTION_UNAVAILABLE', message: 'No response.', details: {} };
const unavailable: ErrorDocument = {
  code: 'DATABASE_UNAVAILABLE',
  message: 'PostgreSQL does not respond.',
  details: {},
};

test.each([
  ['another worker holds the step', { error: { ...missing, code: 'STEP_BUSY' } }, true],
  ['a proxy responded that the function is busy', { httpStatus: '429' }, true],
  ['the function reported an error', { httpStatus: '409', error: missing }, false],
  ['the function did not respond', { httpStatus: '503' }, false],
] as [string, Partial<DeliveryFailure>, boolean][])('whether the function was busy: %s', (_when, failure, expected) =>
  expect(isBusy({ ...nothing, ...failure })).toBe(expected),
);

test.each([
  ['the request was cut off', { httpStatus: '504' }, 1, true],
  ['the function has not responded in three attempts', {}, 3, false],
  ['the router got no response', { error: silent }, 2, true],
  ['the router got no response in three attempts', { error: silent }, 3, false],
  ['another delivery had a transient error', { error: unavailable }, 9, true],
  ['the input is invalid', { error: missing }, 1, false],
] as [string, Partial<DeliveryFailure>, number, boolean][])(
  'whether a valid claim keeps the run running: %s',
  (_when, failure, attempt, expected) => expect(yieldsToClaim({ ...nothing, ...failure }, { attempt })).toBe(expected),
);

test('prefers the complete error in the ledger, unless the reply has another code', () => {
  const failure = { functionName: 'load-to-postgis', httpStatus: '422', error: { ...missing, details: {} } };
  expect(chooseError(failure, { name: 'load-to-postgis', error: missing })).toBe(missing);
  expect(chooseError(failure, { name: 'load-to-postgis', error: unavailable })).toBe(failure.error);
  expect(chooseError({ ...failure, error: undefined }, { name: 'load-to-postgis', error: missing })).toBe(missing);
  expect(
    chooseError({ ...failure, error: undefined, httpStatus: '504' }, { name: 'load-to-postgis', error: null }),
  ).toEqual({
    code: 'FUNCTION_UNAVAILABLE',
    message: 'load-to-postgis did not respond (HTTP 504).',
    details: { function: 'load-to-postgis', http_status: '504' },
  });
});

test('the error of a process that ended names the files of the step', () => {
  const died: ErrorDocument = { code: 'WORKER_DIED', message: 'The process ended.', details: { deaths: 3 } };
  expect(withFiles(died, ['a.csv'])).toEqual({
    code: 'WORKER_DIED',
    message: 'The process ended. The step was reading the file a.csv.',
    details: { deaths: 3, files: ['a.csv'] },
  });
  expect(withFiles(died, ['1', '2', '3', '4', '5', '6', '7']).message).toBe(
    'The process ended. The step was reading the files 1, 2, 3, 4, 5 and 2 more.',
  );
  expect(withFiles(missing, ['a.csv'])).toBe(missing);
  expect(withFiles(died, [])).toBe(died);
});
