import { randomBytes } from 'node:crypto';
import { mkdtemp, mkdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { execa } from 'execa';
import { parseEnv } from '#shared/config/env.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import { openLedger } from '#shared/ledger/open-ledger.ts';
import type { ObjectStore } from '#shared/storage/object-store.ts';
import { openObjectStore } from '#shared/storage/s3.ts';
import { type EmbeddedPostgres, startPostgres } from '../gateway/embedded/postgres.ts';

/** A separate Sluice to measure: the gateway of `npm start`, in a separate process, with empty databases. */
export interface Instance {
  /** The gateway process, with router and object store. Its children are the processes of the functions. */
  pid: number;
  /** Address of the gateway. */
  url: string;
  /** SLUICE_HOME. */
  home: string;
  objects: ObjectStore;
  landingBucket: string;
  ledger: Ledger;
  /** The PostGIS that the functions use; the bare tools use it too. */
  postgisUrl: string;
  /** A folder for the bare tools. */
  scratch: string;
  stop(): Promise<void>;
}

/** The options of Node.js in the script `start` of package.json. */
export const GATEWAY_FLAGS = ['--max-semi-space-size=2'];

const START_TIMEOUT_MS = 60_000;
const START_POLL_MS = 50;

/** Starts an instance, and waits until it is ready. `extraVariables` are added to its environment. */
export async function startInstance(extraVariables: Record<string, string> = {}): Promise<Instance> {
  await mkdir('.cache/bench', { recursive: true });
  const home = await mkdtemp(resolve('.cache/bench/home-'));
  const postgres = await startPostgres(join(home, 'postgres'));
  const [port, storePort] = await freePorts();
  const variables = { ...(await environmentOf(home, { port, storePort }, postgres)), ...extraVariables };
  const gateway = execa(process.execPath, [...GATEWAY_FLAGS, 'gateway/npm-start.ts', '--no-sample'], {
    env: variables,
    stdio: ['ignore', 'ignore', 'inherit'],
    reject: false,
  });
  const stopServers = async () => {
    gateway.kill('SIGTERM');
    await gateway;
    await postgres.stop();
    await rm(postgres.data, { recursive: true, force: true });
    await rm(home, { recursive: true, force: true });
  };
  try {
    await waitUntilReady(
      `http://127.0.0.1:${port}/healthz`,
      () => gateway.exitCode !== null && gateway.exitCode !== undefined,
    );
  } catch (thrown) {
    await stopServers();
    throw thrown;
  }
  const env = parseEnv({ ...process.env, S3_ENDPOINT: `http://127.0.0.1:${storePort}`, ...variables });
  const ledger = await openLedger(env);
  const objects = openObjectStore(env);
  const scratch = join(home, 'bare');
  await mkdir(scratch);
  return {
    pid: gateway.pid ?? 0,
    url: `http://127.0.0.1:${port}`,
    home,
    objects,
    ledger,
    postgisUrl: variables.POSTGIS_URL,
    scratch,
    landingBucket: env.LANDING_BUCKET,
    stop: async () => {
      objects.close();
      await ledger.close();
      await stopServers();
    },
  };
}

/** The variables of an instance with two empty databases. */
async function environmentOf(
  home: string,
  { port, storePort }: { port: number; storePort: number },
  postgres: EmbeddedPostgres,
) {
  return {
    SLUICE_HOME: home,
    PORT: String(port),
    S3_EMBEDDED_PORT: String(storePort),
    CONTROL_DATABASE_URL: await postgres.database('control'),
    POSTGIS_URL: await postgres.database('spatial', { postgis: true }),
    LOG_LEVEL: 'warn',
    S3_ACCESS_KEY_ID: 'SLUICEBENCH',
    S3_SECRET_ACCESS_KEY: randomBytes(20).toString('hex'),
  };
}

/** Waits until the gateway is healthy. Throws SETUP_FAILED after START_TIMEOUT_MS, or when its process has ended. */
export async function waitUntilReady(url: string, ended: () => boolean): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < deadline && !ended()) {
    const reply = await fetch(url).catch(() => undefined);
    if (reply?.ok) return;
    await wait(START_POLL_MS);
  }
  throw new SluiceError('SETUP_FAILED', `Sluice did not respond at ${url}; run npm start to see why.`);
}

/** Finds two unused ports. */
export async function freePorts(): Promise<[number, number]> {
  const servers = await Promise.all([listen(), listen()]);
  const [first, second] = servers.map((server) => (server.address() as AddressInfo).port) as [number, number];
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  return [first, second];
}

function listen(): Promise<ReturnType<typeof createServer>> {
  return new Promise((listening, failed) => {
    const server = createServer().once('error', failed);
    server.listen(0, '127.0.0.1', () => listening(server));
  });
}
