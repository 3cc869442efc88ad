import { type LedgerFormat, type Migration, missingMigrations, ownFormat } from '../ledger-format.ts';
import { type Database, databaseError } from './database.ts';
import { CREATE_TABLES } from './tables.ts';

/** Advisory lock on the set-up: concurrent CREATE IF NOT EXISTS statements fail. */
const SETUP_LOCK = "hashtext('sluice:ledger:tables')";

/** The table of one row that states the format. */
const CREATE_STATE = `
create schema if not exists ledger;
create table if not exists ledger.state (
  only_row boolean primary key default true check (only_row),
  format int not null,
  release text not null
)`;
const WRITE_STATE = `
insert into ledger.state (format, release) values ($1, $2)
on conflict (only_row) do update set format = excluded.format, release = excluded.release`;

/** SQL statements. Add one for each change of tables or documents that releases before it cannot work with. */
export const MIGRATIONS: readonly Migration<string>[] = [];

/**
 * Creates or migrates the tables in one transaction. Several processes may do so at the same time: one of them makes
 * the changes. A ledger without a stated format has format 1. Throws LEDGER_TOO_NEW, DATABASE_UNAVAILABLE.
 */
export async function setUp(database: Database, migrations = MIGRATIONS, own = ownFormat(migrations)): Promise<void> {
  const client = await database.connect();
  let failure: Error | undefined;
  try {
    await client.query(`begin; select pg_advisory_xact_lock(${SETUP_LOCK}); ${CREATE_STATE}`);
    const { rows } = await client.query<LedgerFormat>('select format, release from ledger.state');
    const [found = { format: 1, release: own.release }] = rows;
    const missing = missingMigrations(found, own, migrations);
    await client.query(CREATE_TABLES);
    for (const { apply } of missing) await client.query(apply);
    await client.query(WRITE_STATE, [own.format, own.release]);
    await client.query('commit');
  } catch (thrown) {
    // The connection is closed, which ends the transaction.
    failure = databaseError(thrown);
    throw failure;
  } finally {
    client.release(failure);
  }
}
