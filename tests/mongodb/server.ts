import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { MongoClient } from 'mongodb';

/** A server that the tests started. */
export interface OwnMongo {
  /** What it is, for the person who runs the tests. */
  name: string;
  /** Without a database. */
  url: string;
  /** Ends the process with SIGKILL, and keeps the data. */
  kill(): Promise<void>;
  /** Starts the process again, with the data and the port of before. */
  restart(): Promise<void>;
  /** Stops the server and deletes its data. */
  stop(): Promise<void>;
}

export interface MongoOptions {
  /** Not a replica set. */
  standalone: boolean;
  /** With commands such as configureFailPoint. */
  testCommands: boolean;
}

/** The URL of a database on a server. `new URL` rejects the list of hosts of a replica set. */
export function withDatabase(url: string, database: string): string {
  const [, server = '', options = ''] = /^([^:]+:\/\/[^/?]+)\/?[^?]*(\?.*)?$/.exec(url) ?? [];
  return `${server}/${database}${options}`;
}

/** Several times the longest start that was measured on a busy machine. */
const START_TIMEOUT_MS = 60_000;
const PROBE_EVERY_MS = 100;
const PROBE_TIMEOUT_MS = 1_000;

interface Starting {
  /** Address of the server within its replica set, which this function initiates; undefined: it is initiated. */
  member: string | undefined;
  /** What the server printed, if it has ended. */
  ended: () => string | undefined;
}

/** Waits for a primary or a standalone server. */
export async function waitUntilReady(url: string, { member, ended }: Starting): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    if (await isPrimary(url, member).catch(() => false)) return;
    const output = ended();
    if (output !== undefined) assert.fail(`MongoDB ended during its start: ${output}`);
    if (Date.now() > deadline) assert.fail(`MongoDB did not respond within ${START_TIMEOUT_MS / 1000} s.`);
    await wait(PROBE_EVERY_MS);
  }
}

/** Whether a server is what the options request. Images that are substitutes for MongoDB ignore flags of mongod. */
export async function hasOptions(url: string, { standalone, testCommands }: MongoOptions): Promise<boolean> {
  return withAdmin(url, START_TIMEOUT_MS, async (admin) => {
    const { setName } = await admin.command({ hello: 1 });
    if ((setName === undefined) !== standalone) return false;
    if (!testCommands) return true;
    const off = admin.command({ configureFailPoint: 'failCommand', mode: 'off' });
    return off.then(
      () => true,
      () => false,
    );
  });
}

function isPrimary(url: string, member: string | undefined): Promise<boolean> {
  return withAdmin(url, PROBE_TIMEOUT_MS, async (admin) => {
    const hello = await admin.command({ hello: 1 });
    if (member !== undefined && hello.setName === undefined)
      await admin.command({ replSetInitiate: { _id: 'rs0', members: [{ _id: 0, host: member }] } });
    return hello.isWritablePrimary === true;
  });
}

type Admin = ReturnType<MongoClient['db']>;
async function withAdmin<T>(
  url: string,
  serverSelectionTimeoutMS: number,
  work: (admin: Admin) => Promise<T>,
): Promise<T> {
  const client = new MongoClient(url, { serverSelectionTimeoutMS });
  try {
    return await work(client.db('admin'));
  } finally {
    await client.close();
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}
