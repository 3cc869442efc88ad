import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type NetConnectOpts } from 'node:net';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { deterministicId, type SluiceEvent } from '#shared/events/event.ts';
import { GdalHealthSchema } from '#shared/gdal/health.ts';
import { openLedger } from '#shared/ledger/open-ledger.ts';
import { HttpFunctionCaller } from '#shared/runtime/http-function-caller.ts';
import { openObjectStore } from '#shared/storage/s3.ts';
import { createDatabase, startObjectStore, STORE_KEY_VARIABLES, testEnv } from '../tests/servers.ts';
import { chooseBase, hasImage } from './base-image.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const { WATCHDOG_IMAGE = 'ghcr.io/openfaas/of-watchdog:0.11.6' } = process.env;
const TAG = 'sluice-test';
const NETWORK = `${TAG}-${process.pid}`;
const NAMES = ['validate-manifest', 'load-to-postgis'];
/** The first build downloads the packages of npm and Debian. */
const BUILD_TIMEOUT_MS = 540_000;

const docker = async (...args: string[]) => (await execa('docker', args)).stdout.trim();

const nodeImage = await chooseBase(process.env.NODE_IMAGE);
const hasEngine = await hasImage(nodeImage);
const hasWatchdog = hasEngine && (await hasImage(WATCHDOG_IMAGE));
if (!hasEngine) console.warn(`templates/images.server.test.ts needs a Docker engine: docker pull ${nodeImage}`);

interface Container {
  id: string;
  url: string;
}
const containers = new Map<string, Container>();
const close: (() => unknown)[] = [];

/** Accepts connections of containers, and forwards them to a server of the tests, which they cannot reach. */
async function forward(address: string, target: NetConnectOpts): Promise<number> {
  const server = createServer((socket) => {
    const upstream = createConnection(target);
    for (const [from, to] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      from.pipe(to);
      from.on('error', () => to.destroy());
    }
  });
  server.listen(0, address);
  await once(server, 'listening');
  close.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

async function forwardDatabase(address: string, url: string): Promise<string> {
  const { username, pathname, searchParams } = new URL(url.replace('@/', '@socket/'));
  const path = `${searchParams.get('host')}/.s.PGSQL.${searchParams.get('port')}`;
  return `postgresql://${username}@${address}:${await forward(address, { path })}${pathname}`;
}

async function start(name: string, variables: Record<string, string>): Promise<Container> {
  const settings = Object.entries(variables).flatMap(([key, value]) => ['--env', `${key}=${value}`]);
  const limits = ['--read-only', '--tmpfs', '/tmp', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'];
  const image = `${TAG}/${name}:${TAG}`;
  const network = ['--network', NETWORK, '--publish', '127.0.0.1::8080'];
  const id = await docker('run', '--detach', ...limits, ...settings, ...network, image);
  close.push(() => docker('rm', '--force', '--volumes', id));
  const container = { id, url: `http://${(await docker('port', id, '8080')).split('\n')[0]}/` };
  containers.set(name, container);
  const ready = async () => expect(await statusOf(name, '_/ready')).toBe(200);
  await vi.waitFor(ready, { timeout: 60_000, interval: 100 }).catch(async (cause: unknown) => {
    const logs = await execa('docker', ['logs', '--tail', '5', id], { all: true, reject: false });
    assert.fail(`${name} is not ready (${String(cause)}): ${logs.all}`);
  });
  return container;
}

const statusOf = (name: string, path: string) =>
  fetch(`${containers.get(name)?.url}${path}`).then(
    ({ status }) => status,
    () => 0,
  );

const env = testEnv();
const caller = new HttpFunctionCaller((name) => containers.get(name)?.url);
const invoke = (name: string, event: SluiceEvent) =>
  caller.invoke(name, event, { signal: AbortSignal.timeout(60_000) });
let objects: ReturnType<typeof openObjectStore>;
let ledger: Awaited<ReturnType<typeof openLedger>>;
let spatialUrl: string;
/** Of every container. */
let variables: Record<string, string>;

async function startContainers(): Promise<void> {
  const [control, spatial, store] = await Promise.all([
    createDatabase(),
    createDatabase({ postgis: true }),
    startObjectStore(),
  ]);
  close.push(control.drop, spatial.drop, store.stop);
  objects = openObjectStore({ ...env, S3_ENDPOINT: store.endpoint });
  ledger = await openLedger({ LEDGER_URL: control.url });
  close.push(
    () => ledger.close(),
    () => objects.close(),
  );
  await docker('network', 'create', NETWORK);
  close.push(() => docker('network', 'rm', NETWORK));
  const address = await docker('network', 'inspect', NETWORK, '--format', '{{(index .IPAM.Config 0).Gateway}}');
  assert.match(address, /^[\d.]+$/); // Without an address, the forwarded servers would accept all connections.
  const storePort = await forward(address, { host: '127.0.0.1', port: Number(new URL(store.endpoint).port) });
  spatialUrl = spatial.url;
  variables = {
    ...STORE_KEY_VARIABLES,
    LEDGER_URL: await forwardDatabase(address, control.url),
    POSTGIS_URL: await forwardDatabase(address, spatial.url),
    S3_ENDPOINT: `http://${address}:${storePort}`,
    PORT: '8080', // Knative sets it.
    fprocess: 'node shared/runtime/function-process.ts', // OpenFaaS sets it to the value of template.yml.
  };
  for (const name of NAMES) await start(name, variables);
}

/** Uploads points and a manifest, and returns the event of its upload. */
async function upload(batchId: string, count: number): Promise<SluiceEvent> {
  const features = Array.from({ length: count }, (_, index) => ({
    type: 'Feature',
    properties: { größe: index, name: `Punkt ${index}` },
    geometry: { type: 'Point', coordinates: [index / count, 50] },
  }));
  const path = `${batchId}/punkte é.geojson`;
  const key = `manifests/${batchId}.json`;
  const manifest = {
    batch_id: batchId,
    uploader: 'zoë',
    intent: 'ingest_vector',
    metadata: { tags: { dataset_id: 'punkte' } },
    files: [{ path: `s3://${env.LANDING_BUCKET}/${path}`, type: 'vector', format: 'GeoJSON' }],
  };
  await objects.put(env.LANDING_BUCKET, path, JSON.stringify({ type: 'FeatureCollection', features }));
  await objects.put(env.LANDING_BUCKET, key, JSON.stringify(manifest));
  const data = {
    eventName: 'ObjectCreated:Put',
    s3: { bucket: { name: env.LANDING_BUCKET }, object: { key: encodeURIComponent(key), eTag: '0' } },
  };
  return {
    specversion: '1.0',
    id: deterministicId('upload', key),
    source: 'minio:s3..landing-zone',
    type: 'com.amazonaws.s3.ObjectCreated:Put',
    subject: key,
    time: new Date().toISOString(),
    datacontenttype: 'application/json',
    data,
  };
}

/** Executes validate-manifest, and returns the event of the run. */
async function request(batchId: string, count: number): Promise<SluiceEvent> {
  const event = await invoke('validate-manifest', await upload(batchId, count));
  expect(event?.type).toBe('sluice.run.requested.vector');
  return event ?? expect.unreachable();
}

describe.skipIf(!hasEngine)(`images, ${hasWatchdog ? 'with' : 'without'} of-watchdog`, () => {
  beforeAll(async () => {
    const settings = {
      SLUICE_REGISTRY: TAG,
      SLUICE_VERSION: TAG,
      ...(hasWatchdog ? {} : { IMAGE_TARGET: 'function' }),
    };
    await execa('node', ['templates/build-images.ts', ...NAMES], { cwd: ROOT, env: settings });
    await startContainers();
  }, BUILD_TIMEOUT_MS);
  afterAll(async () => {
    caller.close();
    for (const step of close.reverse()) await step();
  });

  test('are healthy, run without privileges, and write only to /tmp', async () => {
    for (const name of NAMES) {
      const { id } = containers.get(name) ?? expect.unreachable();
      expect([name, await statusOf(name, '_/health')]).toEqual([name, 200]);
      expect(await docker('exec', id, 'id', '-u')).toBe('1000');
      const written = await execa('docker', ['exec', id, 'touch', '/app/x'], { reject: false });
      expect(written.stderr).toMatch(/Read-only file system/);
      await docker('exec', id, 'touch', '/tmp/x');
      expect(await docker('inspect', '--format', '{{json .Config.Labels}}', id)).toContain(
        `"Function ${name} of Sluice`,
      );
    }
  });

  test('contain only the packages that the function imports', async () => {
    const duckdb = (name: string) =>
      execa('docker', ['exec', containers.get(name)?.id ?? '', 'ls', 'node_modules/@duckdb/node-api'], {
        reject: false,
      });
    expect((await duckdb('load-to-postgis')).exitCode).toBe(0);
    expect((await duckdb('validate-manifest')).exitCode).toBe(2);
  });

  test('report GDAL where it is installed', async () => {
    const response = await fetch(`${containers.get('load-to-postgis')?.url}health/gdal`);
    const health = GdalHealthSchema.parse(await response.json());
    expect([response.status, health.status, health.missing_programs]).toEqual([200, 'ok', []]);
    expect(health.gdal_version).toMatch(/^3\./);
    expect(health.vector_drivers).toContain('GeoJSON');
    expect(await statusOf('validate-manifest', 'health/gdal')).toBe(405);
  });

  test('execute the first steps of a run', async () => {
    const requested = await request('bilder é', 3);
    expect((await invoke('load-to-postgis', requested))?.type).toBe('sluice.table.loaded');
    const [run] = await ledger.listRuns({ batch_id: 'bilder é' });
    expect(run?.steps.find(({ name }) => name === 'load-to-postgis')?.status).toBe('done');
  });

  test('a file with errors is answered with 422 and the error', async () => {
    const event = await upload('kaputt', 1);
    await objects.put(env.LANDING_BUCKET, 'manifests/kaputt.json', '{"batch_id":');
    expect((await invoke('validate-manifest', event))?.type).toBe('sluice.manifest.rejected');
    const response = await fetch(containers.get('load-to-postgis')?.url ?? '', { method: 'POST', body: '{}' });
    expect([response.status, await response.json()]).toMatchObject([422, { error: { code: 'EVENT_INVALID' } }]);
  });

  test('SIGTERM lets a running step finish, and ends the container with exit code 0', async () => {
    const requested = await request('letzter', 60_000);
    const { id } = containers.get('load-to-postgis') ?? expect.unreachable();
    const loaded = invoke('load-to-postgis', requested);
    const stepStatus = async () => {
      const [run] = await ledger.listRuns({ batch_id: 'letzter' });
      return run?.steps.find(({ name }) => name === 'load-to-postgis')?.status;
    };
    await expect.poll(stepStatus, { timeout: 30_000, interval: 20 }).toBe('running');
    await docker('kill', '--signal', 'TERM', id);
    expect((await loaded)?.type).toBe('sluice.table.loaded');
    expect(await docker('wait', id)).toBe('0');
  });

  test('SIGTERM aborts a step that does not end, and another container can claim it immediately', async () => {
    await start('load-to-postgis', variables);
    const requested = await request('gesperrt', 3);
    const { id } = containers.get('load-to-postgis') ?? expect.unreachable();
    const blocker = new pg.Client(spatialUrl);
    await blocker.connect();
    close.push(() => blocker.end());
    // Schemas cannot be created while it is locked.
    await blocker.query('begin; lock table pg_namespace in share mode');
    const loaded = expect(invoke('load-to-postgis', requested)).rejects.toMatchObject({ code: 'FUNCTION_UNAVAILABLE' });
    const step = async () => {
      const [run] = await ledger.listRuns({ batch_id: 'gesperrt' });
      return run?.steps.find(({ name }) => name === 'load-to-postgis');
    };
    await expect.poll(async () => (await step())?.status, { timeout: 30_000, interval: 20 }).toBe('running');
    await docker('kill', '--signal', 'TERM', id);
    await loaded;
    expect(await docker('wait', id)).toBe('0');
    expect(await step()).toMatchObject({ status: 'failed', owner: null, error: { code: 'FUNCTION_UNAVAILABLE' } });
    await blocker.query('rollback');
    await start('load-to-postgis', variables);
    expect((await invoke('load-to-postgis', requested))?.type).toBe('sluice.table.loaded');
    expect(await step()).toMatchObject({ status: 'done', attempt: 2 });
  });
});
