import { expect, test } from 'vitest';
import { changedRules, lifecycleRules } from './lifecycle.ts';

const EXPIRY = {
  ID: 'sluice-landing-files',
  Status: 'Enabled' as const,
  Filter: { Prefix: '' },
  Expiration: { Days: 30 },
};
const OTHER = { ID: 'logs', Status: 'Enabled' as const, Filter: { Prefix: 'logs/' }, Expiration: { Days: 1 } };

test('deletes files only after a number of days, and aborts incomplete uploads where the server does not', () => {
  expect(lifecycleRules({ expireDays: 0, abortIncomplete: false })).toEqual([]);
  expect(lifecycleRules({ expireDays: 30, abortIncomplete: false })).toEqual([EXPIRY]);
  expect(lifecycleRules({ expireDays: 0, abortIncomplete: true })).toEqual([
    {
      ID: 'sluice-incomplete-uploads',
      Status: 'Enabled',
      Filter: { Prefix: '' },
      AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 },
    },
  ]);
});

test('changes only the rules of Sluice, and nothing if they are equal', () => {
  expect(changedRules([], [])).toBeUndefined();
  expect(changedRules([OTHER, { ...EXPIRY, Filter: {} }], [EXPIRY])).toBeUndefined();
  expect(changedRules([OTHER], [EXPIRY])).toEqual([OTHER, EXPIRY]);
  expect(changedRules([{ ...EXPIRY, Expiration: { Days: 7 } }, OTHER], [EXPIRY])).toEqual([OTHER, EXPIRY]);
  expect(changedRules([{ ...EXPIRY, Status: 'Disabled' }], [EXPIRY])).toEqual([EXPIRY]);
  expect(changedRules([EXPIRY, OTHER], [])).toEqual([OTHER]);
});
