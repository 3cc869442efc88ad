import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { vi } from 'vitest';
import type { AssetView, RunView } from '#shared/api/views.ts';
import { openObjectStore } from '#shared/storage/s3.ts';
import type { ObjectStore } from '#shared/storage/object-store.ts';
import { type Batch, planBatch, planJoinBatch } from '../../cli/input/batch.ts';
import { findSourceFiles } from '../../cli/input/source-files.ts';
import { hasImage } from '../../templates/base-image.ts';
import { testEnv } from '../servers.ts';

/** The installation of docker-compose.yaml, as its own project with its own ports and secrets. */

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** The images of the tests, including those of templates/images.server.test.ts. */
const IMAGES = { SLUICE_REGISTRY: 'sluice-test', SLUICE_VERSION: 'sluice-test', IMAGE_TARGET: 'function' };
/** Several times the longest run on a busy machine. */
export const RUN_TIMEOUT_MS = 300_000;

/** The reason that skipped tests print. */
export const NEEDS_COMPOSE = 'needs a Docker engine with Compose, and the base images of docker-compose.yaml';

const BASE_IMAGES = {
  NODE_IMAGE: 'node:24-bookworm-slim',
  MINIO_IMAGE: 'quay.io/minio/minio:RELEASE.2025-09-07T16-13-09Z',
  MONGO_IMAGE: 'mongo:8',
  POSTGIS_IMAGE: 'postgis/postgis:15-3.3',
};

/** Whether the engine, Compose and the base images are there. Tests do not download images. */
export async function hasCompose(): Promise<boolean> {
  const images = Object.entries(BASE_IMAGES).map(([variable, name]) => process.env[variable] ?? name);
  const compose = await execa('docker', ['compose', 'version'], { reject: false, timeout: 5_000 });
  return !compose.failed && (await Promise.all(images.map(hasImage))).every(Boolean);
}

/** Builds the images of all functions and of the gateway. */
export async function buildImages(): Promise<void> {
  await execa('node', ['templates/build-images.ts'], { cwd: ROOT, env: IMAGES });
}

const ADMIN_PASSWORD = 'correct-horse-battery-staple-42';
/** The login of the user admin. */
export const ADMIN = { authorization: `Basic ${Buffer.from(`admin:${ADMIN_PASSWORD}`).toString('base64')}` };

const NETWORK_IN_USE = /^failed to remove network \S+: .* has active endpoints/m;

export class Composition {
  readonly #folder: string;
  readonly #environment: Record<string, string>;
  readonly #project: string;
  readonly url: string;
  /** The object store with the key of the uploader. */
  readonly uploads: ObjectStore;
  readonly store: string;

  /** `settings` are the lines of .env. */
  static async create(name: string, settings: string): Promise<Composition> {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-compose-'));
    await writeFile(join(folder, 'env'), `${settings}\nSLUICE_ADMIN_PASSWORD=${ADMIN_PASSWORD}\n`);
    const [port, storePort] = await freePorts();
    return new Composition(folder, `sluice-${name}-${process.pid}`, settings, { port, storePort });
  }

  private constructor(
    folder: string,
    project: string,
    settings: string,
    { port, storePort }: { port: number; storePort: number },
  ) {
    this.#folder = folder;
    this.#project = project;
    const postgres = process.env.POSTGIS_IMAGE;
    this.#environment = {
      ...IMAGES,
      ...(postgres === undefined ? {} : { POSTGRES_IMAGE: postgres }),
      PORT: String(port),
      MINIO_PORT: String(storePort),
    };
    this.url = `http://127.0.0.1:${port}`;
    this.store = `http://127.0.0.1:${storePort}`;
    const secret = /^S3_UPLOADER_SECRET_ACCESS_KEY=(.+)$/m.exec(settings)?.[1] ?? 'not-set-in-settings';
    this.uploads = openObjectStore(
      testEnv({ S3_ENDPOINT: this.store, S3_ACCESS_KEY_ID: 'uploader', S3_SECRET_ACCESS_KEY: secret }),
    );
  }

  /** Executes `docker compose`, and returns its output. */
  async compose(...args: string[]): Promise<string> {
    const { failed, all } = await this.tryCompose(...args);
    assert(!failed, `docker compose ${args.join(' ')}: ${all}`);
    return all;
  }

  async tryCompose(...args: string[]): Promise<{ failed: boolean; all: string }> {
    const project = ['--project-name', this.#project, '--env-file', join(this.#folder, 'env')];
    const options = { cwd: ROOT, env: this.#environment, all: true, reject: false } as const;
    const { failed, all } = await execa('docker', ['compose', '--progress', 'quiet', ...project, ...args], options);
    return { failed, all };
  }

  /** Starts everything, and waits until the service `sample` has ended. Returns its output. */
  async up(): Promise<string> {
    await this.compose('up', '--detach');
    const id = await this.compose('ps', '--all', '--quiet', 'sample');
    const { stdout } = await execa('docker', ['wait', id]);
    const output = await this.compose('logs', '--no-log-prefix', 'sample');
    assert.equal(stdout, '0', output);
    return output;
  }

  /**
   * Removes all containers and networks. Docker may keep an endpoint of a removed container for some time
   * (https://github.com/moby/moby/issues/42119). Its network cannot be removed then, and `up` uses it again.
   */
  async down(...options: string[]): Promise<void> {
    const { failed, all } = await this.tryCompose('--profile', '*', 'down', ...options);
    assert(!failed || NETWORK_IN_USE.test(all), `docker compose down: ${all}`);
    assert.equal(await this.compose('--profile', '*', 'ps', '--all', '--quiet'), '');
  }

  async remove(): Promise<void> {
    this.uploads.close();
    await this.down('--volumes');
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Uploads files and their manifest with the key of the uploader. MinIO notifies the gateway. */
  async ingest(paths: string[], dataset: string, intent?: string): Promise<string> {
    const files = await findSourceFiles(paths, intent === 'ingest_tabular' ? { type: 'tabular' } : {});
    const options = { dataset, intent, uploader: 'zoë' };
    return this.#upload(planBatch(files, options, { ...moment(dataset), bucket: 'landing-zone' }));
  }

  async join(spatial: string, table: string, on: string, dataset: string): Promise<string> {
    return this.#upload(planJoinBatch(spatial, table, { on, dataset, uploader: 'zoë' }, moment(dataset)));
  }

  async #upload({ batchId, uploads, manifest, manifestKey }: Batch): Promise<string> {
    for (const { path, key } of uploads) await this.uploads.put('landing-zone', key, await readFile(path));
    await this.uploads.put('landing-zone', manifestKey, JSON.stringify(manifest));
    return batchId;
  }

  async get<T>(path: string): Promise<T> {
    const response = await fetch(`${this.url}${path}`, { headers: ADMIN });
    assert(response.ok, `${path}: ${response.status}`);
    return (await response.json()) as T;
  }

  async runOf(batchId: string): Promise<RunView | undefined> {
    const runs = await this.get<RunView[]>('/api/runs?limit=100').catch(() => []);
    return runs.find((run) => run.batch_id === batchId);
  }

  /** The run of a batch when it has ended and is archived. */
  async ended(batchId: string): Promise<RunView> {
    const options = { timeout: RUN_TIMEOUT_MS, interval: 250 };
    return vi.waitUntil(async () => {
      const run = await this.runOf(batchId);
      return run?.archived === true ? run : undefined;
    }, options);
  }

  /** Downloads the object of an asset from the lake with the key of the uploader. */
  async download(asset: AssetView | null | undefined): Promise<string> {
    assert(asset, 'The run has no asset.');
    const path = join(this.#folder, basename(asset.s3_key));
    const response = await fetch(asset.url.replace(/^http:\/\/[^/]+/, this.url), { headers: ADMIN });
    await writeFile(path, new Uint8Array(await response.arrayBuffer()));
    return path;
  }

  /** Ends the process of a container with SIGKILL, and starts it again. */
  async kill(service: string): Promise<void> {
    await this.compose('kill', '--signal', 'SIGKILL', service);
    await this.compose('start', service);
  }
}

function moment(dataset: string): { now: Date; random: string } {
  return { now: new Date(), random: Buffer.from(dataset).toString('hex') };
}

async function freePorts(): Promise<[number, number]> {
  const servers = await Promise.all(
    [0, 1].map(async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await new Promise((done) => server.once('listening', done));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports as [number, number];
}
