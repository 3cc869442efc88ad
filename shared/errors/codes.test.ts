import { expect, test } from 'vitest';
import { ERROR_CODES, type ErrorCodeName, adviceFor } from './codes.ts';

const CODES = Object.keys(ERROR_CODES) as ErrorCodeName[];

test.each(CODES)('the advice for %s is an instruction to the user, not a promise to retry', (code) => {
  expect(ERROR_CODES[code].action).not.toMatch(/tried again|retried/);
  for (const text of [ERROR_CODES[code].meaning, ERROR_CODES[code].action]) expect(text).toMatch(/[^\s.:;,]\.$/);
  expect(adviceFor(code)).toBe(ERROR_CODES[code].action);
});

test.each(CODES)('the advice for %s does not repeat its meaning', (code) => {
  expect(ERROR_CODES[code].action).not.toContain(ERROR_CODES[code].meaning.slice(0, -1));
});

test.each(CODES.filter((code) => ERROR_CODES[code].retryable))(
  'the advice for %s explains how to repeat a run that ended with it',
  (code) => {
    expect(adviceFor(code, { run_id: 'r1' })).toMatch(/(?: Then r|^R)epeat the run: `npx sluice rerun r1`\./);
    expect(adviceFor(code, { run_id: null })).toMatch(/(?: Then u|^U)pload the manifest again\./);
  },
);

test('an action that names a run contains the id of the ended run', () => {
  expect(adviceFor('CANCELED', { run_id: 'r1' })).toBe('To repeat the run: `npx sluice rerun r1`.');
  expect(adviceFor('CRS_MISSING', { run_id: 'r1' })).toBe(ERROR_CODES.CRS_MISSING.action);
});
