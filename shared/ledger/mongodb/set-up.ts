import { createHash } from 'node:crypto';
import { type CreateCollectionOptions, type Db, MongoServerSelectionError } from 'mongodb';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { type CollectionName, SCHEMAS } from '../collections.ts';
import { type LedgerFormat, type Migration, missingMigrations, ownFormat } from '../ledger-format.ts';
import type { Database } from './database.ts';
import { INDEXES } from './indexes.ts';
import { withSetUpLock } from './set-up-lock.ts';
import { validatorOf } from './validator.ts';

/** The collection of the document that states what all others are, and of the lock on the set-up. */
const STATE = 'ledger_state';
const STATE_ID = 'current';

/** What the collections are. The release set up validators and indexes. */
interface State extends LedgerFormat {
  /** SHA-256 of the validators and indexes. */
  definitions: string;
}

/** Add one for each change of the documents that releases before it cannot work with. */
export const MIGRATIONS: Migrations = [];
type Migrations = readonly Migration<(db: Db) => Promise<void>>[];

/** Name, validator and indexes of each collection. */
const DEFINITIONS = Object.entries(INDEXES).map(([name, indexes]) => ({
  name: name as CollectionName,
  indexes,
  rules: rulesOf(name as CollectionName),
}));

const NAMESPACE_EXISTS = 48;

/**
 * Creates or upgrades the collections, with their validators and indexes. Of several processes that start at the same
 * time, one makes the changes, and the others wait. Validators of a newer release are kept, so that both releases can
 * run during an upgrade.
 * Throws SETUP_FAILED for a server without a replica set, CONFIG_INVALID for another replica set, and LEDGER_TOO_NEW.
 */
export async function setUp(database: Database, migrations = MIGRATIONS, own = ownFormat(migrations)): Promise<void> {
  const work = async (db: Db) => {
    await checkServer(db);
    const wanted: State = { ...own, definitions: sha256(JSON.stringify(DEFINITIONS)) };
    if (await isSetUp(db, wanted, migrations)) return;
    await withSetUpLock(db, STATE, async (assertHeld) => {
      if (await isSetUp(db, wanted, migrations)) return;
      for (const { name, rules, indexes } of DEFINITIONS) {
        await assertHeld();
        await createCollection(db, name, rules);
        await db.collection(name).createIndexes(indexes);
      }
      for (const { apply } of await migrationsOf(db, wanted, migrations)) {
        await assertHeld();
        await apply(db);
      }
      await assertHeld();
      await statesOf(db).updateOne({ _id: STATE_ID }, { $set: wanted }, { upsert: true });
    });
  };
  try {
    await database.execute(work);
  } catch (thrown) {
    throw unknownSet(thrown) ?? thrown;
  }
}

/** Whether nothing must be changed. Throws LEDGER_TOO_NEW. */
async function isSetUp(db: Db, wanted: State, migrations: Migrations): Promise<boolean> {
  const current = await statesOf(db).findOne({ _id: STATE_ID });
  if (current === null || missingMigrations(current, wanted, migrations).length > 0) return false;
  return current.definitions === wanted.definitions || isNewer(current.release, wanted.release);
}

/** A ledger without a stated format has no documents. */
async function migrationsOf(db: Db, wanted: State, migrations: Migrations): Promise<Migrations> {
  const current = await statesOf(db).findOne({ _id: STATE_ID });
  return current === null ? [] : missingMigrations(current, wanted, migrations);
}

function statesOf(db: Db) {
  return db.collection<State & { _id: typeof STATE_ID }>(STATE);
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

/**
 * CONFIG_INVALID if all servers respond and none is a member of the replica set of the URL: the set is not initiated,
 * or has another name. The driver reports only that it found no primary, and removes the servers that are not in a
 * replica set from its list. Later, the same failure is transient: a member that is starting reports no set.
 */
function unknownSet(thrown: unknown): SluiceError | undefined {
  const cause: unknown = thrown instanceof SluiceError ? thrown.cause : undefined;
  if (!(cause instanceof MongoServerSelectionError) || cause.reason === undefined) return undefined;
  const { type, setName, servers } = cause.reason;
  if (type !== 'ReplicaSetNoPrimary' || setName === null) return undefined;
  if ([...servers.values()].some((server) => server.type !== 'RSGhost')) return undefined;
  return new SluiceError(
    'CONFIG_INVALID',
    `LEDGER_URL names the replica set ${setName}, but its MongoDB servers are not members of it. Start each mongod ` +
      `with --replSet ${setName}, and run rs.initiate() once in mongosh, or correct LEDGER_URL.`,
    { cause },
  );
}

/** True if a version such as 1.10.2 is newer than another one. */
function isNewer(release: string, than: string): boolean {
  return release.localeCompare(than, 'en', { numeric: true }) > 0;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
