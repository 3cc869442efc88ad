import { expect, test } from 'vitest';
import type { ErrorDocument } from '#shared/errors/sluice-error.ts';
import { runRequested } from '#shared/events/run-events.ts';
import type { Step } from '#shared/ledger/documents.ts';
import { chooseError, findFailedStep, readFailure, withFiles } from './delivery-failure.ts';

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

test('the failed step is the one of the function, or the first that is not done', () => {
  const step = (name: string, status: Step['status']) => ({ name, status }) as Step;
  const run = {
    steps: [step('load-to-postgis', 'done'), step('transform-recipe', 'pending'), step('archive', 'pending')],
  };
  const failure = { error: undefined, httpStatus: undefined };
  expect(findFailedStep(run, { ...failure, functionName: 'archive' })?.name).toBe('archive');
  expect(findFailedStep(run, { ...failure, functionName: undefined })?.name).toBe('transform-recipe');
});

test('prefers the complete error in the ledger, unless the reply has another code', () => {
  const failure = { functionName: 'load-to-postgis', httpStatus: '422', error: { ...missing, details: {} } };
  const unavailable: ErrorDocument = {
    code: 'DATABASE_UNAVAILABLE',
    message: 'PostgreSQL does not respond.',
    details: {},
  };
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
