import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { accessSync, constants, mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { execa, type ResultPromise } from 'execa';

/** What a test that needs MinIO says when it is skipped. */
export const NEEDS_MINIO =
  'needs MinIO: set MINIO_BIN, or go install github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c';

/** Longest that a start on a busy machine has taken, several times over. */
const START_TIMEOUT_MS = 60_000;
const PROBE_EVERY_MS = 50;

export interface RunningMinio {
  endpoint: string;
  accessKey: string;
  secretKey: string;
  process: ResultPromise;
  /** Ends the server and deletes its data. */
  stop(): Promise<void>;
  /** kill -9, and the data stays: `restart` finds it. */
  kill(): Promise<void>;
  /** Starts the server again on the same port and data after `kill`. */
  restart(): Promise<void>;
}

/** The MinIO program: MINIO_BIN, else `minio` on the PATH; undefined when there is none. */
export function findMinio(): string | undefined {
  const onPath = (process.env.PATH ?? '')
    .split(delimiter)
    .filter(Boolean)
    .map((folder) => join(folder, 'minio'));
  return [process.env.MINIO_BIN, ...onPath].find((path) => path !== undefined && path !== '' && isExecutable(path));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** A real MinIO with random credentials on free ports, in a folder of its own; undefined when it is not installed. */
export async function startMinio(options: { env?: Record<string, string> } = {}): Promise<RunningMinio | undefined> {
  const program = findMinio();
  if (program === undefined) return undefined;
  const data = mkdtempSync(join(tmpdir(), 'sluice-minio-'));
  const [port, consolePort] = await freePorts(2);
  const endpoint = `http://127.0.0.1:${port}`;
  const accessKey = `test${randomBytes(6).toString('hex')}`;
  const secretKey = randomBytes(16).toString('hex');
  const launch = () =>
    execa(
      program,
      ['server', data, '--address', `127.0.0.1:${port}`, '--console-address', `127.0.0.1:${consolePort}`, '--quiet'],
      {
        env: { MINIO_ROOT_USER: accessKey, MINIO_ROOT_PASSWORD: secretKey, MINIO_UPDATE: 'off', ...options.env },
        stdio: ['ignore', 'ignore', 'pipe'],
        reject: false,
      },
    );
  const minio: RunningMinio = {
    endpoint,
    accessKey,
    secretKey,
    process: launch(),
    stop: async () => {
      minio.process.kill('SIGTERM');
      await minio.process;
      await rm(data, { recursive: true, force: true });
    },
    kill: async () => {
      minio.process.kill('SIGKILL');
      await minio.process;
    },
    restart: async () => {
      minio.process = launch();
      await answers(endpoint, minio.process);
    },
  };
  await answers(endpoint, minio.process);
  return minio;
}

async function answers(endpoint: string, server: ResultPromise): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  let exited = false;
  void server.then(() => {
    exited = true;
  });
  for (;;) {
    const ready = await fetch(`${endpoint}/minio/health/live`).then(
      (reply) => reply.ok,
      () => false,
    );
    if (ready) return;
    if (exited) assert.fail(`MinIO does not start: ${String((await server).stderr)}`);
    if (Date.now() > deadline) assert.fail(`MinIO does not answer on ${endpoint}.`);
    await new Promise((done) => setTimeout(done, PROBE_EVERY_MS));
  }
}

/** Ports that nobody listens on. All are held until the last is found, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await new Promise((done) => server.once('listening', done));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}
