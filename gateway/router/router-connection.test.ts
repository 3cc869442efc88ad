import pg from 'pg';
import { expect, test } from 'vitest';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { isDatabaseUnavailable } from './router-connection.ts';

const pgError = (code: string) => Object.assign(new pg.DatabaseError('m', 1, 'error'), { code });

test.each([
  Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' }),
  Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:15432'), { code: 'ECONNREFUSED' }),
  pgError('57P01'),
  pgError('57P03'),
  pgError('08006'),
  pgError('40P01'),
  new Error('Query read timeout'),
  new Error('Connection terminated unexpectedly'),
])('%s means that the database is unavailable', (thrown) => {
  expect(isDatabaseUnavailable(thrown)).toBe(true);
});

test.each([pgError('22P05'), pgError('23505'), new TypeError('x'), new SluiceError('DEAD_LETTER_NOT_FOUND', 'm')])(
  '%s does not mean that the database is unavailable',
  (thrown) => {
    expect(isDatabaseUnavailable(thrown)).toBe(false);
  },
);
