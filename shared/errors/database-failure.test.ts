import { expect, test } from 'vitest';
import { databaseFailure, statementFailure } from './database-failure.ts';
import { SluiceError } from './sluice-error.ts';

const withCode = (code: string, message = 'm') => Object.assign(new Error(message), { code });

test.each([
  ['DATABASE_UNAVAILABLE', withCode('ECONNREFUSED', 'connect ECONNREFUSED 127.0.0.1:15432')],
  ['DATABASE_UNAVAILABLE', withCode('ENOENT', 'connect ENOENT /tmp/.s.PGSQL.5432')],
  ['DATABASE_UNAVAILABLE', withCode('57P01')],
  ['DATABASE_UNAVAILABLE', withCode('08006')],
  ['DATABASE_UNAVAILABLE', withCode('40P01')],
  ['DATABASE_UNAVAILABLE', new Error('Connection terminated unexpectedly')],
  ['DATABASE_UNAVAILABLE', new Error('Client has encountered a connection error and is not queryable')],
  ['DISK_FULL', withCode('53100')],
  ['DISK_FULL', withCode('XX000', 'could not write to file "base/1": Disk quota exceeded')],
  ['DISK_FULL', withCode('58030', 'could not fsync file "base/1": No space left on device')],
])('%s: %s', (code, thrown) => expect(databaseFailure(thrown)).toMatchObject({ code, cause: thrown }));

test('a connection error without a message names the code', () => {
  const thrown = Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' });
  expect(databaseFailure(thrown)?.message).toBe('Could not connect to PostgreSQL (ECONNREFUSED).');
});

test.each([
  ['a canceled statement', withCode('57014')],
  ['a data exception', withCode('22012')],
  ['an error of Sluice', new SluiceError('CLAIM_STALE', 'm')],
  ['a value that is not an error', 'ECONNREFUSED'],
])('%s is not a failure of the database', (_name, thrown) => expect(databaseFailure(thrown)).toBeUndefined());

test.each([
  ['OUT_OF_MEMORY', withCode('53200', 'out of memory')],
  ['OUT_OF_MEMORY', withCode('XX000', 'GEOSUnaryUnion: std::bad_alloc')],
  ['STATEMENT_TIMEOUT', withCode('57014', 'canceling statement due to statement timeout')],
  ['DATABASE_UNAVAILABLE', withCode('57P01')],
  ['DISK_FULL', withCode('53100')],
])('a statement on the tables of a run fails with %s: %s', (code, thrown) =>
  expect(statementFailure(thrown)).toMatchObject({ code, cause: thrown }),
);

test.each([
  ['an internal error of PostGIS', withCode('XX000', 'lwgeom_intersection: TopologyException')],
  ['an error of Sluice', new SluiceError('CLAIM_STALE', 'out of memory')],
])('%s is not a limit of a statement', (_name, thrown) => expect(statementFailure(thrown)).toBeUndefined());
