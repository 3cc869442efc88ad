import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';

/** What the driver says when a server took a statement and never answered, or a broken connection was used again. */
const BROKEN = /^Query read timeout$|Client was closed|not queryable|Connection terminated/;

/** DATABASE_UNAVAILABLE when an error of the driver says that the server is away; undefined for all other errors. Everything here talks to PostgreSQL only, whatever its port. */
export function databaseAway(thrown: unknown): SluiceError | undefined {
  if (thrown instanceof Error && BROKEN.test(thrown.message))
    return new SluiceError('DATABASE_UNAVAILABLE', thrown.message, { cause: thrown });
  const error = asSluiceError(thrown);
  if (error.code === 'DATABASE_UNAVAILABLE') return error;
  return error.code === 'STORE_UNAVAILABLE'
    ? new SluiceError('DATABASE_UNAVAILABLE', error.message, { cause: thrown })
    : undefined;
}
