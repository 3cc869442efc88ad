import { randomUUID } from 'node:crypto';
import { MongoClient } from 'mongodb';
import { inject } from 'vitest';
import { startContainer } from './mongodb/container.ts';
import { executable, MONGOD, onPath, type Program, SECANTUSDB, startProgram } from './mongodb/program.ts';
import { type MongoOptions, type OwnMongo, withDatabase } from './mongodb/server.ts';

export type { OwnMongo } from './mongodb/server.ts';

/** The reason that skipped tests print. */
export const NEEDS_MONGODB =
  'needs MongoDB: set MONGO_CONNECTION_STRING to a replica set, install mongod, pull MONGO_IMAGE first (docker pull ' +
  'mongo:8), or pip install secantusdb==0.7.0b3';
/** The reason of tests that kill the server or set its flags. */
export const NEEDS_OWN_MONGODB =
  'needs a MongoDB that it can start: mongod, MONGO_IMAGE (docker pull mongo:8), or pip install secantusdb==0.7.0b3';

/** The URL of a database on the server of the test run; undefined when there is no server. By default a new one. */
export function mongoDatabase(name = `test_${randomUUID()}`): string | undefined {
  const server = inject('mongoUrl');
  return server && withDatabase(server, name);
}

/**
 * Ends all transactions. The server keeps those of killed and stopped processes until transactionLifetimeLimitSeconds,
 * for a minute by default, which the tests do not wait for.
 */
export async function endTransactions(): Promise<void> {
  const client = new MongoClient(mongoDatabase() ?? '');
  await client.db('admin').command({ killAllSessions: [] });
  await client.close();
}

/**
 * The servers that can be started, in the order in which they are tried. SECANTUSD_BIN is an explicit choice, as
 * MONGOD_BIN is, so it precedes an image: CI sets it, and has a Docker engine for the tests of containers. There, a
 * process starts faster than a container, and each run uses the same server.
 */
const SERVERS: ((options: MongoOptions) => Promise<OwnMongo | undefined>)[] = [
  programAt(MONGOD, () => executable(process.env.MONGOD_BIN) ?? onPath('mongod')),
  programAt(SECANTUSDB, () => executable(process.env.SECANTUSD_BIN)),
  startContainer,
  programAt(SECANTUSDB, () => onPath('secantusd-py')),
];

function programAt(program: Program, find: () => string | undefined) {
  return async (options: MongoOptions) => {
    const path = find();
    return path === undefined ? undefined : startProgram(program, path, options);
  };
}

/**
 * The server of MONGO_CONNECTION_STRING, else one that is started. Undefined when there is neither a connection string
 * nor a server to start.
 */
export async function startMongo(): Promise<Pick<OwnMongo, 'name' | 'url' | 'stop'> | undefined> {
  const given = process.env.MONGO_CONNECTION_STRING;
  if (given !== undefined) return { name: 'MONGO_CONNECTION_STRING', url: given, stop: async () => undefined };
  return startFirst({ standalone: false, testCommands: false });
}

/**
 * Starts a server that only one test file uses, with its test commands, such as configureFailPoint. By default, it is a
 * replica set. Undefined when there is no such server.
 */
export function startOwnMongo({ standalone = false } = {}): Promise<OwnMongo | undefined> {
  return startFirst({ standalone, testCommands: true });
}

async function startFirst(options: MongoOptions): Promise<OwnMongo | undefined> {
  for (const start of SERVERS) {
    const server = await start(options);
    if (server !== undefined) return server;
  }
  return undefined;
}
