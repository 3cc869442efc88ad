import { expect, test } from 'vitest';
import { statementFailure } from '#shared/errors/database-failure.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { isFailureOfStatement } from './feature-errors.ts';

const sqlError = (code: string) => Object.assign(new Error('canceled'), { code });

test.each([
  ['an internal error of PostGIS', sqlError('XX000'), true],
  ['an underflow', sqlError('22003'), true],
  ['a statement that exceeded its limit of time', statementFailure(sqlError('57014')), true],
  ['a statement that exceeded its limit of memory', statementFailure(sqlError('53200')), true],
  ['a session that a newer claim ended', statementFailure(sqlError('57P01')), false],
  ['a lost connection', statementFailure(sqlError('ECONNRESET')), false],
  ['a full disk', statementFailure(sqlError('53100')), false],
  ['a stale claim', new SluiceError('CLAIM_STALE', 'A newer claim exists.'), false],
  ['an error of the SQL', sqlError('42601'), false],
])('%s is a failure of the statement: %s', (_name, thrown, expected) => {
  expect(isFailureOfStatement(thrown)).toBe(expected);
});
