import pg from 'pg';
import { storableJson } from '#shared/text/storable.ts';
import type { CollectionName } from '../collections.ts';
import type { LedgerDocument, LedgerSnapshot, StoredLedger } from '../transfer/stored-ledger.ts';
import { Database, databaseError } from './database.ts';
import { setUp } from './set-up.ts';

/** Documents of one query. The document of a run can have more than 100 KB. */
const BATCH_DOCUMENTS = 50;

/** Opens all documents of a ledger in PostgreSQL. Creates missing tables. Throws as openPostgresLedger. */
export async function openStoredPostgresLedger(url: string): Promise<StoredLedger> {
  const database = new Database(url);
  try {
    await setUp(database);
  } catch (thrown) {
    await database.close();
    throw thrown;
  }
  return {
    source: 'postgresql',
    openSnapshot: () => openSnapshot(database),
    find: (collection, ids) =>
      database.documents<LedgerDocument>(
        { text: `select doc from ${tableOf(collection)} where _id = any ($1::text[])` },
        [ids],
      ),
    async insertAbsent(collection, documents) {
      const rows = await database.query<{ _id: string }>(
        {
          text: `
            insert into ${tableOf(collection)} (doc) select value from jsonb_array_elements($1::jsonb)
            on conflict do nothing returning _id`,
        },
        [storableJson(documents)],
      );
      const inserted = new Set(rows.map(({ _id }) => _id));
      return documents.map(({ _id }) => _id).filter((id) => !inserted.has(id));
    },
    close: () => database.close(),
  };
}

async function openSnapshot(database: Database): Promise<LedgerSnapshot> {
  const client = await database.connect();
  const query = async <R extends pg.QueryResultRow>(text: string, values: unknown[] = []) => {
    try {
      return (await client.query<R>(text, values)).rows;
    } catch (thrown) {
      throw databaseError(thrown);
    }
  };
  await query('begin isolation level repeatable read read only');
  return {
    activeRuns: async (limit) => {
      const rows = await query<{ run_id: string }>(
        'select run_id from ledger.runs where not archived order by created_at desc, _id limit $1',
        [limit],
      );
      return rows.map(({ run_id }) => run_id);
    },
    async *read(collection) {
      const cursor = `export_${collection}`;
      await query(`declare ${cursor} no scroll cursor for select doc from ${tableOf(collection)} order by _id`);
      for (;;) {
        const rows = await query<{ doc: LedgerDocument }>(`fetch ${BATCH_DOCUMENTS} from ${cursor}`);
        if (rows.length === 0) break;
        yield rows.map(({ doc }) => doc);
      }
      await query(`close ${cursor}`);
    },
    async close() {
      // A connection that cannot be rolled back is not used again.
      const failure = await client.query('rollback').then(
        () => undefined,
        (thrown: Error) => thrown,
      );
      client.release(failure);
    },
  };
}

function tableOf(collection: CollectionName): string {
  return `ledger.${pg.escapeIdentifier(collection)}`;
}
