import format from 'pg-format';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { PostgisSession } from './postgis.ts';

/** SQLSTATE. */
const UNDEFINED_TABLE = '42P01';

/**
 * Checks that a table of the run still holds what a step before left in it. The tables are unlogged, and PostgreSQL empties every unlogged table when it
 * recovers from a crash (https://www.postgresql.org/docs/current/sql-createtable.html, UNLOGGED): without this check the run would go on
 * with no rows and end as a success. A server of its own may lose the table too, because the sessions of runs do not wait for the disk.
 * `rows` is what that step counted. Throws TABLES_LOST.
 */
export async function checkTableKept(session: PostgisSession, table: string, rows: number): Promise<void> {
  try {
    const [found] = await session.query<{ kept: boolean }>(format('select exists (select from %I) as kept', table));
    if (found?.kept || rows === 0) return;
  } catch (thrown) {
    if ((thrown as { code?: string }).code !== UNDEFINED_TABLE) throw thrown;
  }
  throw new SluiceError(
    'TABLES_LOST',
    `PostgreSQL crashed and emptied the working tables of this run; ${table} held ${rows} rows.`,
    { details: { table, rows } },
  );
}
