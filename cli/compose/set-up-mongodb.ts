import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Db, MongoClient, MongoServerError } from 'mongodb';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';

/**
 * The service `mongodb-setup` of docker-compose.yaml:
 * `node cli/compose/set-up-mongodb.ts FILE_WITH_ROOT_URL FILE_WITH_LEDGER_URL`.
 */

/** Longer than a start of MongoDB on a busy machine. */
const WAIT_MS = 120_000;
const POLL_MS = 250;
const SELECTION_TIMEOUT_MS = 2_000;
const REPLICA_SET = 'rs0';
/** Error codes of MongoDB. */
const ALREADY_INITIALIZED = 23;
const AUTHENTICATION_FAILED = 18;

/**
 * Makes a server a replica set of one member, and creates the user of the ledger or sets its password. A repeat changes
 * nothing else. A server that already is a replica set is kept as it is. Throws SETUP_FAILED.
 */
export async function setUpMongo(rootUrl: string, ledgerUrl: string): Promise<string> {
  const deadline = Date.now() + WAIT_MS;
  const client = await connect(rootUrl, deadline);
  try {
    const admin = client.db('admin');
    const setName = await initiate(admin, new URL(rootUrl).host, deadline);
    const user = await setUser(admin, ledgerUrl);
    return `MongoDB is the replica set ${setName} with the user ${user}.`;
  } finally {
    await client.close();
  }
}

/** Waits until the server accepts connections. A client whose first connection failed stays closed. */
async function connect(url: string, deadline: number): Promise<MongoClient> {
  for (;;) {
    const client = new MongoClient(url, { serverSelectionTimeoutMS: SELECTION_TIMEOUT_MS });
    try {
      return await client.connect();
    } catch (thrown) {
      await client.close();
      if (thrown instanceof MongoServerError || Date.now() > deadline) throw failed(thrown);
    }
    await sleep(POLL_MS);
  }
}

/** Resolves with the name of the replica set when the server is its primary. */
async function initiate(admin: Db, host: string, deadline: number): Promise<string> {
  for (;;) {
    const hello = await admin.command({ hello: 1 });
    if (hello.isWritablePrimary === true && typeof hello.setName === 'string') return hello.setName;
    if (hello.setName === undefined) await initiateOnce(admin, host);
    if (Date.now() > deadline)
      throw new SluiceError(
        'SETUP_FAILED',
        `MongoDB elected no primary within ${WAIT_MS / 1000} s. See \`docker compose logs mongodb\`.`,
      );
    await sleep(POLL_MS);
  }
}

/** Another process can initiate the replica set at the same time. */
async function initiateOnce(admin: Db, host: string): Promise<void> {
  try {
    await admin.command({ replSetInitiate: { _id: REPLICA_SET, members: [{ _id: 0, host }] } });
  } catch (thrown) {
    if (!(thrown instanceof MongoServerError && thrown.code === ALREADY_INITIALIZED)) throw failed(thrown);
  }
}

function failed(cause: unknown): SluiceError {
  const isDenied = cause instanceof MongoServerError && cause.code === AUTHENTICATION_FAILED;
  const message = isDenied
    ? 'MongoDB rejected MONGO_ROOT_PASSWORD. The first start sets this password; set the same value again. If the ' +
      'first start was interrupted, see "Failures" in docs/compose.md.'
    : `MongoDB could not be set up: ${asSluiceError(cause).message}`;
  return new SluiceError('SETUP_FAILED', message, { cause });
}

/** The user may only use the database of the ledger. */
async function setUser(admin: Db, ledgerUrl: string): Promise<string> {
  const { username, password, pathname } = new URL(ledgerUrl);
  const [user, pwd] = [decodeURIComponent(username), decodeURIComponent(password)];
  const roles = ['readWrite', 'dbAdmin'].map((role) => ({ role, db: pathname.slice(1) }));
  const { users } = await admin.command({ usersInfo: user });
  const command = Array.isArray(users) && users.length > 0 ? { updateUser: user } : { createUser: user };
  await admin.command({ ...command, pwd, roles });
  return user;
}

if (import.meta.main) {
  const [rootFile = '', ledgerFile = ''] = process.argv.slice(2);
  try {
    const text = await setUpMongo(readFileSync(rootFile, 'utf8'), readFileSync(ledgerFile, 'utf8'));
    process.stdout.write(`${text}\n`);
  } catch (thrown) {
    process.stderr.write(`${asSluiceError(thrown).message}\n`);
    process.exitCode = 1;
  }
}
