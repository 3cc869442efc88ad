import { openPostgresLedger } from '#shared/ledger/postgres/postgres-ledger.ts';
import { createDatabase } from '../servers.ts';
import { ledgerContract } from './ledger.ts';

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
