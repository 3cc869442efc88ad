import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import { accessSync, constants, mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { execa, type ResultPromise } from 'execa';

/** The reason that skipped tests print. */
export const NEEDS_MINIO =
  'needs MinIO: set MINIO_BIN, or go install github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c';

/** Several times the longest start that was measured on a busy machine. */
const START_TIMEOUT_MS = 60_000;
const PROBE_EVERY_MS = 50;

export interface RunningMinio {
  endpoint: string;
  accessKey: string;
  secretKey: string;
  process: ResultPromise;
  /** Stops the server and deletes its data. */
  stop(): Promise<void>;
  /** Kills the server with SIGKILL and keeps its data for `restart`. */
  kill(): Promise<void>;
  /** Starts the server again on the same port and data after `kill`. */
  restart(): Promise<void>;
}

/** The path of the MinIO program: MINIO_BIN, or `minio` on the PATH; undefined if neither is executable. */
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

/** Variables of setup-storage for a server, with a random key for each role. */
export function setupVariables(minio: Pick<RunningMinio, 'endpoint' | 'accessKey' | 'secretKey'>) {
  // Characters that are special in URLs, JSON and shells.
  const secret = () => `${randomBytes(12).toString('hex')}+/=&%"\\$'<>#`;
  return {
    S3_ENDPOINT: minio.endpoint,
    S3_ADMIN_ACCESS_KEY_ID: minio.accessKey,
    S3_ADMIN_SECRET_ACCESS_KEY: minio.secretKey,
    S3_UPLOADER_ACCESS_KEY_ID: 'ana&zo+e%',
    S3_UPLOADER_SECRET_ACCESS_KEY: secret(),
    S3_PIPELINE_ACCESS_KEY_ID: 'pipeline',
    S3_PIPELINE_SECRET_ACCESS_KEY: secret(),
    S3_GATEWAY_ACCESS_KEY_ID: 'gateway',
    S3_GATEWAY_SECRET_ACCESS_KEY: secret(),
    WEBHOOK_TOKEN: randomBytes(16).toString('hex'),
  };
}

/** The variables of a process with the key of a role. */
export function keyVariables(
  role: 'UPLOADER' | 'PIPELINE' | 'GATEWAY',
  variables: ReturnType<typeof setupVariables>,
): Record<string, string> {
  return {
    S3_ENDPOINT: variables.S3_ENDPOINT,
    S3_ACCESS_KEY_ID: variables[`S3_${role}_ACCESS_KEY_ID`],
    S3_SECRET_ACCESS_KEY: variables[`S3_${role}_SECRET_ACCESS_KEY`],
  };
}

/** Starts MinIO with random credentials, on free ports, with a new data folder. Undefined if MinIO is not installed. */
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
      await waitUntilReady(endpoint, minio.process);
    },
  };
  await waitUntilReady(endpoint, minio.process);
  return minio;
}

async function waitUntilReady(endpoint: string, server: ResultPromise): Promise<void> {
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
    if (exited) assert.fail(`MinIO ended during its start: ${String((await server).stderr)}`);
    if (Date.now() > deadline) assert.fail(`MinIO did not respond at ${endpoint} within ${START_TIMEOUT_MS / 1000} s.`);
    await new Promise((done) => setTimeout(done, PROBE_EVERY_MS));
  }
}

/** Below the ports that the system gives to outgoing connections, which could take the port before a restart. */
const PORTS = { first: 15_000, count: 15_000 };

/** Unused ports. */
async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = PORTS.first + randomInt(PORTS.count);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
      .once('error', () => resolve(false))
      .listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
