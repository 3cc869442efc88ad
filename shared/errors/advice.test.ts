import { expect, test } from 'vitest';
import { adviceFor } from './advice.ts';
import { ERROR_CODES, type ErrorCodeName } from './codes.ts';

const CODES = Object.keys(ERROR_CODES) as ErrorCodeName[];

test.each(CODES)('%s: whoever reads the advice is told what to do, not what Sluice might still do', (code) => {
  expect(ERROR_CODES[code].action).not.toMatch(/tried again/);
  for (const text of [ERROR_CODES[code].meaning, ERROR_CODES[code].action]) expect(text).toMatch(/[^\s.:;,]\.$/);
  expect(adviceFor(code)).toBe(ERROR_CODES[code].action);
});

test.each(CODES.filter((code) => ERROR_CODES[code].retryable))(
  '%s has ended a run after its last try: it is repeated by a person',
  (code) => {
    expect(adviceFor(code, { run_id: 'r1' })).toMatch(/ Then repeat the run: `npx sluice rerun r1`\.$/);
    expect(adviceFor(code, { run_id: null })).toMatch(/ Then upload the manifest again\.$/);
  },
);

test('an action that names a run names the one that ended', () => {
  expect(adviceFor('CANCELED', { run_id: 'r1' })).toBe('To repeat it: `npx sluice rerun r1`.');
  expect(adviceFor('CRS_MISSING', { run_id: 'r1' })).toBe(ERROR_CODES.CRS_MISSING.action);
});
