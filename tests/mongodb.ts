import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { accessSync, constants, mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { execa, type Options, type ResultPromise } from 'execa';
import { MongoClient } from 'mongodb';
import { inject } from 'vitest';

/** The reason that skipped tests print. */
export const NEEDS_MONGODB =
  'needs MongoDB: set MONGO_CONNECTION_STRING to a replica set, install mongod, or pip install secantusdb==0.7.0b3';

/** Several times the longest start that was measured on a busy machine. */
const START_TIMEOUT_MS = 60_000;
const PROBE_EVERY_MS = 100;

/** A server that was started for the tests, or the one of MONGO_CONNECTION_STRING. */
export interface RunningMongo {
  /** Without a database. */
  url: string;
  /** Stops a started server and deletes its data. */
  stop(): Promise<void>;
}

/** A server that only one test file uses. */
export interface OwnMongo extends RunningMongo {
  /** Ends the process with SIGKILL, and keeps the data. */
  kill(): Promise<void>;
  /** Starts the process again, with the data and the port of before. */
  restart(): Promise<void>;
}

/** The URL of a database on the server of the test run; undefined when there is no server. By default a new one. */
export function mongoDatabase(name = `test_${randomUUID()}`): string | undefined {
  const server = inject('mongoUrl');
  return server && withDatabase(server, name);
}

/** A program that speaks MongoDB's protocol. SecantusDB is a stand-in for machines without a mongod. */
interface Program {
  path: string;
  flags(port: number, data: string): string[];
  /** Whether the replica set must be initiated. */
  initiate: boolean;
}

const PROGRAMS: { variable: string; name: string; program: Omit<Program, 'path'> }[] = [
  {
    variable: 'MONGOD_BIN',
    name: 'mongod',
    program: {
      flags: (port, data) => [
        ...['--port', `${port}`, '--bind_ip', '127.0.0.1', '--dbpath', data, '--replSet', 'rs0'],
        ...['--setParameter', 'enableTestCommands=1'],
      ],
      initiate: true,
    },
  },
  {
    variable: 'SECANTUSD_BIN',
    name: 'secantusd-py',
    program: {
      flags: (port, data) => [
        ...['--port', `${port}`, '--host', '127.0.0.1', '--storage-path', data, '--sync-on-commit'],
        '--enable-test-commands',
      ],
      initiate: false,
    },
  },
];

/** Undefined when there is neither MONGO_CONNECTION_STRING nor a program to start. */
export async function startMongo(): Promise<RunningMongo | undefined> {
  const given = process.env.MONGO_CONNECTION_STRING;
  return given === undefined ? startOwnMongo() : { url: given, stop: async () => undefined };
}

/** Undefined when there is no program to start. Its test commands are enabled, such as configureFailPoint. */
export async function startOwnMongo(): Promise<OwnMongo | undefined> {
  const program = findProgram();
  if (program === undefined) return undefined;
  const data = mkdtempSync(join(tmpdir(), 'sluice-mongo-'));
  const port = await freePort();
  const url = `mongodb://127.0.0.1:${port}/?directConnection=true`;
  let server: ResultPromise<{ stdio: ['ignore', 'ignore', 'pipe']; reject: false }>;
  const start = () => {
    const options = { stdio: ['ignore', 'ignore', 'pipe'], reject: false } satisfies Options;
    server = execa(program.path, program.flags(port, data), options);
    return waitUntilReady(url, server, program.initiate ? `127.0.0.1:${port}` : undefined);
  };
  await start();
  const kill = async () => {
    server.kill('SIGKILL');
    await server;
  };
  return {
    url,
    kill,
    restart: start,
    stop: async () => {
      await kill();
      await rm(data, { recursive: true, force: true });
    },
  };
}

function findProgram(): Program | undefined {
  for (const { variable, name, program } of PROGRAMS) {
    const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
    const path = [process.env[variable], ...folders.map((folder) => join(folder, name))].find(isExecutable);
    if (path !== undefined) return { path, ...program };
  }
  return undefined;
}

function isExecutable(path: string | undefined): path is string {
  try {
    accessSync(path ?? '', constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function withDatabase(url: string, database: string): string {
  const [, server = '', options = ''] = /^([^:]+:\/\/[^/?]+)\/?[^?]*(\?.*)?$/.exec(url) ?? [];
  return `${server}/${database}${options}`;
}

/** Waits for a primary, after it initiated the replica set of the server `member`. */
async function waitUntilReady(url: string, server: ResultPromise, member: string | undefined): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  let exited = false;
  void server.then(() => {
    exited = true;
  });
  for (;;) {
    if (await isPrimary(url, member).catch(() => false)) return;
    if (exited) assert.fail(`MongoDB ended during its start: ${String((await server).stderr)}`);
    if (Date.now() > deadline) assert.fail(`MongoDB did not respond within ${START_TIMEOUT_MS / 1000} s.`);
    await wait(PROBE_EVERY_MS);
  }
}

async function isPrimary(url: string, member: string | undefined): Promise<boolean> {
  const client = new MongoClient(url, { serverSelectionTimeoutMS: 1_000 });
  try {
    const admin = client.db('admin');
    const hello = await admin.command({ hello: 1 });
    if (member !== undefined && hello.setName === undefined)
      await admin.command({ replSetInitiate: { _id: 'rs0', members: [{ _id: 0, host: member }] } });
    return hello.isWritablePrimary === true;
  } finally {
    await client.close();
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}
