import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { execa } from 'execa';
import { parseEnv } from '#shared/config/env.ts';
import { openLedger } from '#shared/ledger/open-ledger.ts';
import { openObjectStore } from '#shared/storage/s3.ts';
import { freePorts, GATEWAY_FLAGS, type Instance, waitUntilReady } from '../../bench/instance.ts';
import { dataFolder, serverAccount, socketFolder } from '../../gateway/embedded/postgres-folders.ts';
import { databaseUrl } from '../../gateway/embedded/postgres-server.ts';

/** A Sluice as `npm start` starts it, with its embedded servers. Its gateway can be killed and started again. */
export interface ChaosSluice {
  url: string;
  /** SLUICE_HOME. */
  home: string;
  /** The gateway process. It changes with each start. */
  readonly pid: number;
  /** The data folder of PostgreSQL, which is the working folder of its processes. */
  postgresData: string;
  /** Resolves when the gateway process has ended. */
  readonly ended: Promise<unknown>;
  /** Whether the gateway is ready, or a start is under way. */
  readonly state: 'ready' | 'starting';
  /** Starts the gateway again on the same folder, after it has ended, and waits until it is ready. */
  restart(): Promise<void>;
  /** Connections to its servers, as for the soak test. */
  instance(): Promise<Instance>;
  stop(): Promise<void>;
}

export const WEBHOOK_TOKEN = 'chaos';
const STOP_MS = 15_000;

/**
 * Starts it in a new folder, or in `home`. `variables` are added to its environment, `flags` to the arguments of
 * Node.js. With `keep`, `stop` does not delete the folder.
 */
export async function startChaosSluice({
  home: given,
  variables = {},
  flags = [],
  keep = false,
}: { home?: string; variables?: Record<string, string>; flags?: string[]; keep?: boolean } = {}): Promise<ChaosSluice> {
  const home = given ?? (await newHome());
  const [port, storePort] = await freePorts();
  const url = `http://127.0.0.1:${port}`;
  const environment = {
    SLUICE_HOME: home,
    PORT: String(port),
    S3_EMBEDDED_PORT: String(storePort),
    LOG_LEVEL: 'info',
    S3_ACCESS_KEY_ID: 'SLUICECHAOS',
    S3_SECRET_ACCESS_KEY: 'only-for-this-test',
    WEBHOOK_TOKEN,
    ...variables,
  };
  const spawnGateway = () =>
    execa(process.execPath, [...GATEWAY_FLAGS, ...flags, 'gateway/npm-start.ts', '--no-sample'], {
      env: environment,
      stdio: ['ignore', 'ignore', 'inherit'],
      reject: false,
    });
  let gateway = spawnGateway();
  let state: ChaosSluice['state'] = 'starting';
  const ready = async () => {
    const started = gateway;
    await waitUntilReady(`${url}/healthz`, () => typeof started.exitCode === 'number' || started.killed);
    state = 'ready';
  };
  const account = serverAccount();
  const postgresData = dataFolder(resolve(home, 'postgres'), account);
  await ready();
  return {
    url,
    home,
    postgresData,
    get pid() {
      return gateway.pid ?? 0;
    },
    get ended() {
      return gateway;
    },
    get state() {
      return state;
    },
    restart: async () => {
      await gateway;
      state = 'starting';
      gateway = spawnGateway();
      await ready();
    },
    instance: async () => {
      const socket = socketFolder(postgresData, account);
      const env = parseEnv({
        ...process.env,
        ...environment,
        CONTROL_DATABASE_URL: databaseUrl(socket, 'sluice_control'),
        S3_ENDPOINT: `http://127.0.0.1:${storePort}`,
      });
      const [ledger, objects] = [await openLedger(env), openObjectStore(env)];
      return {
        pid: gateway.pid ?? 0,
        url,
        home,
        objects,
        ledger,
        landingBucket: env.LANDING_BUCKET,
        postgisUrl: databaseUrl(socket, 'spatial_compute'),
        scratch: join(home, 'bare'),
        stop: async () => {
          objects.close();
          await ledger.close();
        },
      };
    },
    stop: async () => {
      gateway.kill('SIGTERM');
      await Promise.race([gateway, wait(STOP_MS, undefined, { ref: false })]);
      gateway.kill('SIGKILL');
      await gateway;
      if (keep) return;
      if (given === undefined) await rm(home, { recursive: true, force: true });
      if (dirname(postgresData) !== home) await rm(postgresData, { recursive: true, force: true });
    },
  };
}

async function newHome(): Promise<string> {
  await mkdir('.cache/chaos', { recursive: true });
  const home = await mkdtemp(resolve('.cache/chaos/home-'));
  await chmod(home, 0o755); // PostgreSQL may run as another user.
  return home;
}
