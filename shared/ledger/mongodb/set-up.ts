import { createHash } from 'node:crypto';
import type { CreateCollectionOptions, Db } from 'mongodb';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { type CollectionName, SCHEMAS } from '../collections.ts';
import { type LedgerFormat, type Migration, missingMigrations, ownFormat } from '../ledger-format.ts';
import type { Database } from './database.ts';
import { INDEXES } from './indexes.ts';
import { validatorOf } from './validator.ts';

/** The collection of one document, which states what all others are. */
const STATE = 'ledger_state';
const STATE_ID = 'current';

/** What the collections are. The release set up validators and indexes. */
interface State extends LedgerFormat {
  /** SHA-256 of the validators and indexes. */
  definitions: string;
}

/** Add one for each change of the documents that releases before it cannot work with. */
export const MIGRATIONS: readonly Migration<(db: Db) => Promise<void>>[] = [];

const NAMESPACE_EXISTS = 48;

/**
 * Creates or upgrades the collections, with their validators and indexes. Several processes may do so at the same time,
 * because every step has the same result when it is repeated. Validators of a newer release are kept, so that both
 * releases can run during an upgrade.
 * Throws SETUP_FAILED for a server without a replica set, and LEDGER_TOO_NEW.
 */
export async function setUp(database: Database, migrations = MIGRATIONS, own = ownFormat(migrations)): Promise<void> {
  await database.execute(async (db) => {
    await checkServer(db);
    const definitions = Object.entries(INDEXES).map(([name, indexes]) => ({
      name: name as CollectionName,
      indexes,
      rules: rulesOf(name as CollectionName),
    }));
    const wanted: State = { ...own, definitions: sha256(JSON.stringify(definitions)) };
    const states = db.collection<State & { _id: typeof STATE_ID }>(STATE);
    const current = await states.findOne({ _id: STATE_ID });
    const missing = current === null ? [] : missingMigrations(current, own, migrations);
    if (
      current !== null &&
      missing.length === 0 &&
      (current.definitions === wanted.definitions || isNewer(current.release, wanted.release))
    )
      return;
    for (const { name, rules, indexes } of definitions) {
      await createCollection(db, name, rules);
      await db.collection(name).createIndexes(indexes);
    }
    for (const { apply } of missing) await apply(db);
    await states.updateOne({ _id: STATE_ID }, { $set: wanted }, { upsert: true });
  });
}

function rulesOf(name: CollectionName) {
  return {
    validator: { $jsonSchema: validatorOf(SCHEMAS[name]) },
    validationLevel: 'strict',
    validationAction: 'error',
  } satisfies CreateCollectionOptions;
}

async function createCollection(db: Db, name: CollectionName, rules: CreateCollectionOptions): Promise<void> {
  try {
    await db.createCollection(name, rules);
  } catch (thrown) {
    if ((thrown as { code?: number }).code !== NAMESPACE_EXISTS) throw thrown;
    await db.command({ collMod: name, ...rules });
  }
}

/** Transactions and change streams exist only on replica sets and in sharded clusters. */
async function checkServer(db: Db): Promise<void> {
  const { setName, msg } = (await db.command({ hello: 1 })) as { setName?: string; msg?: string };
  if (setName !== undefined || msg === 'isdbgrid') return;
  throw new SluiceError(
    'SETUP_FAILED',
    'The MongoDB server of LEDGER_URL is not a replica set, which Sluice needs for transactions and change streams. ' +
      'Start mongod with --replSet rs0, and run rs.initiate() once in mongosh; one server is enough.',
  );
}

/** Compares versions such as 1.10.2. */
function isNewer(release: string, than: string): boolean {
  return release.localeCompare(than, 'en', { numeric: true }) > 0;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
