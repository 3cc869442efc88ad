import pg from 'pg';
import { openPostgresLedger } from '#shared/ledger/postgres/postgres-ledger.ts';
import { createDatabase } from '../servers.ts';
import { ledgerContract } from './ledger.ts';
import { startContract } from './starts.ts';

ledgerContract('PostgreSQL', async () => {
  const database = await createDatabase();
  // Opened concurrently: both create the tables.
  const [ledger, second] = await Promise.all([openPostgresLedger(database.url), openPostgresLedger(database.url)]);
  return {
    ledger,
    second,
    opener: { module: '#shared/ledger/postgres/postgres-ledger.ts', function: 'openPostgresLedger', url: database.url },
    close: async () => {
      await Promise.all([ledger.close(), second.close()]);
      await database.drop();
    },
  };
});

startContract(async () => {
  const database = await createDatabase();
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const rows = async (sql: string) => (await client.query<Record<string, unknown>>(sql)).rows;
  return {
    opener: { module: '#shared/ledger/postgres/postgres-ledger.ts', function: 'openPostgresLedger', url: database.url },
    definitions: async () => [
      await rows("select indexdef from pg_indexes where schemaname = 'ledger' order by indexname"),
      await rows(
        "select table_name, column_name from information_schema.columns where table_schema = 'ledger' order by 1, 2",
      ),
      await rows('select format, release from ledger.state'),
    ],
    makeOld: async () => {
      await client.query('alter table ledger.runs drop column archived');
      await client.query("update ledger.state set release = '0.0.1'");
    },
    drop: async () => {
      await client.end();
      await database.drop();
    },
  };
});
