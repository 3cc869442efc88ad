import { accessSync, constants, mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { execa, type Options, type ResultPromise } from 'execa';
import { freePort, type MongoOptions, type OwnMongo, waitUntilReady } from './server.ts';

/** A program that speaks MongoDB's protocol. */
export interface Program {
  name: string;
  flags(port: number, data: string, options: MongoOptions): string[];
  /** Whether the replica set must be initiated. */
  initiate: boolean;
}

export const MONGOD: Program = {
  name: 'mongod',
  flags: (port, data, { standalone, testCommands }) => [
    ...['--port', `${port}`, '--bind_ip', '127.0.0.1', '--dbpath', data],
    ...(testCommands ? ['--setParameter', 'enableTestCommands=1'] : []),
    ...(standalone ? [] : ['--replSet', 'rs0']),
  ],
  initiate: true,
};

/** For machines without MongoDB. */
export const SECANTUSDB: Program = {
  name: 'SecantusDB, a substitute for MongoDB',
  flags: (port, data, { standalone, testCommands }) => [
    ...['--port', `${port}`, '--host', '127.0.0.1', '--storage-path', data, '--sync-on-commit'],
    ...(testCommands ? ['--enable-test-commands'] : []),
    ...(standalone ? ['--standalone'] : []),
  ],
  initiate: false,
};

/** The path of an executable file; undefined for other files. */
export function executable(path: string | undefined): string | undefined {
  try {
    accessSync(path ?? '', constants.X_OK);
    return path;
  } catch {
    return undefined;
  }
}

/** The path of a program that PATH contains. */
export function onPath(name: string): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  return folders.map((folder) => executable(join(folder, name))).find((path) => path !== undefined);
}

/** Starts the program at a path. */
export async function startProgram(program: Program, path: string, options: MongoOptions): Promise<OwnMongo> {
  const data = mkdtempSync(join(tmpdir(), 'sluice-mongo-'));
  const port = await freePort();
  const url = `mongodb://127.0.0.1:${port}/?directConnection=true`;
  let server: ResultPromise<{ stdio: ['ignore', 'ignore', 'pipe']; reject: false }>;
  const start = async () => {
    const settings = { stdio: ['ignore', 'ignore', 'pipe'], reject: false } satisfies Options;
    server = execa(path, program.flags(port, data, options), settings);
    let output: string | undefined;
    void server.then(({ stderr }) => (output = stderr));
    const member = program.initiate && !options.standalone ? `127.0.0.1:${port}` : undefined;
    await waitUntilReady(url, { member, ended: () => output });
  };
  await start();
  const kill = async () => {
    server.kill('SIGKILL');
    await server;
  };
  return {
    name: `${program.name} (${path})`,
    url,
    kill,
    restart: start,
    stop: async () => {
      await kill();
      await rm(data, { recursive: true, force: true });
    },
  };
}
