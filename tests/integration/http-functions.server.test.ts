import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { execa, type ResultPromise } from 'execa';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Env } from '#shared/config/env.ts';
import { deterministicId, type SluiceEvent } from '#shared/events/event.ts';
import { SILENT_LOG } from '#shared/log/log.ts';
import type { Context } from '#shared/runtime/context.ts';
import { HttpFunctionCaller } from '#shared/runtime/http-function-caller.ts';
import { openContext } from '#shared/runtime/make-context.ts';
import { createRouter } from '../../gateway/router/queue-router.ts';
import type { Router } from '../../gateway/router/router.ts';
import { readStack, type Stack } from '#shared/config/stack.ts';
import { controlVariables, createDatabase, startObjectStore, STORE_KEY_VARIABLES, testEnv } from '../servers.ts';

/** The lane takes two seconds on an idle machine; the processes of all functions start concurrently. */
const RUN_TIMEOUT_MS = 50_000;
const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** A function in a separate process with the HTTP server. */
class FunctionProcess {
  url: string | undefined;
  calls = 0;
  #process: ResultPromise<{ reject: false }> | undefined;
  #name: string;
  #variables: Record<string, string>;

  constructor(name: string, variables: Record<string, string>) {
    this.#name = name;
    this.#variables = variables;
  }

  /** Resolves when the server is started. Its log contains the port. */
  async start(): Promise<void> {
    const child = execa('node', ['shared/runtime/function-process.ts', this.#name], {
      cwd: ROOT,
      env: { ...this.#variables, PORT: '0', LOG_LEVEL: 'info' },
      reject: false,
    });
    this.#process = child;
    const started = Promise.withResolvers<void>();
    void child.then((result) => started.reject(new Error(`${this.#name} ended: ${result.stderr}`)));
    void this.#follow(child, started.resolve);
    await started.promise;
  }

  async #follow(child: ResultPromise<{ reject: false }>, started: () => void): Promise<void> {
    for await (const line of child.iterable({ from: 'stderr' })) {
      const { msg, port } = JSON.parse(line) as { msg: string; port?: number };
      if (msg === 'Function:Call:Done') this.calls += 1;
      if (msg !== 'Function:Start:Done') continue;
      this.url = `http://127.0.0.1:${port}/`;
      started();
    }
  }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | undefined> {
    this.#process?.kill(signal);
    return (await this.#process)?.exitCode;
  }
}

let env: Env;
let context: Context & AsyncDisposable;
let router: Router;
let stack: Stack;
const processes = new Map<string, FunctionProcess>();
const close: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  const [control, spatial, store] = await Promise.all([
    createDatabase(),
    createDatabase({ postgis: true }),
    startObjectStore(),
  ]);
  const variables = {
    ...controlVariables(control.url),
    POSTGIS_URL: spatial.url,
    S3_ENDPOINT: store.endpoint,
    ...STORE_KEY_VARIABLES,
  };
  env = testEnv(variables);
  context = await openContext(env, SILENT_LOG);
  stack = await readStack();
  for (const { name } of stack.functions)
    processes.set(name, new FunctionProcess(name, { ...variables, SCRATCH_DIR: env.SCRATCH_DIR ?? '' }));
  const caller = new HttpFunctionCaller((name) => processes.get(name)?.url);
  router = await createRouter({ databaseUrl: control.url, stack, caller, env, log: SILENT_LOG });
  close.push(
    async () => caller.close(),
    () => router.stop(),
    () => Promise.all([...processes.values()].map((fn) => fn.end('SIGTERM'))),
  );
  close.push(
    async () => context[Symbol.asyncDispose](),
    () => store.stop(),
    () => Promise.all([control.drop(), spatial.drop()]),
    () => rm(env.SCRATCH_DIR ?? '', { recursive: true, force: true }),
  );
  await Promise.all([...processes.values()].map((fn) => fn.start()));
  await router.start();
});
afterAll(async () => {
  for (const step of close) await step();
});

/** Uploads a GeoJSON file and a manifest, and publishes the event of the upload. */
async function upload(batchId: string, geojson: string): Promise<void> {
  const key = `${batchId}/wege #1 é.geojson`;
  const manifestKey = `manifests/${batchId}.json`;
  const manifest = {
    batch_id: batchId,
    uploader: 'zoë',
    intent: 'ingest_vector',
    metadata: { tags: { dataset_id: 'wege' } },
    files: [{ path: `s3://${env.LANDING_BUCKET}/${key}`, type: 'vector', format: 'GeoJSON' }],
  };
  await context.objects.put(env.LANDING_BUCKET, key, geojson);
  await context.objects.put(env.LANDING_BUCKET, manifestKey, JSON.stringify(manifest));
  await router.publish(notificationOf(manifestKey));
}

function notificationOf(key: string): SluiceEvent {
  const record = {
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
    data: record,
  };
}

function pathsFrom(...starts: number[]): string {
  const features = starts.map((x) => ({
    type: 'Feature',
    properties: { größe: x, name: 'Weg é' },
    geometry: {
      type: 'LineString',
      coordinates: [
        [x, 50],
        [x + 1, 51],
      ],
    },
  }));
  return JSON.stringify({ type: 'FeatureCollection', features });
}

/** Waits until the archive step is done, and returns the run. */
const ended = (batchId: string) =>
  vi.waitFor(
    async () => {
      const [run] = await context.ledger.listRuns({ batch_id: batchId });
      expect(run?.steps.find((step) => step.name === 'archive')?.status).toBe('done');
      return run ?? expect.unreachable();
    },
    { timeout: RUN_TIMEOUT_MS, interval: 50 },
  );

describe('the vector lane with every function in its own process, called by URL', () => {
  test('executes a run', async () => {
    await upload('prozesse é', pathsFrom(1, 2));
    const run = await ended('prozesse é');
    expect([run.status, run.error]).toEqual(['success', null]);
    const [asset] = await context.ledger.listAssets({ run_id: run.run_id });
    expect(asset).toMatchObject({ dataset_id: 'wege', version: 1, row_count: 2, bbox: [1, 50, 3, 51] });
    expect(await context.objects.head(env.LAKE_BUCKET, asset?.s3_key ?? '')).toMatchObject({ size: asset?.size_bytes });
    expect(await context.postgis.listRunSchemas()).toEqual([]);
    const calls = Object.fromEntries([...processes].map(([name, fn]) => [name, fn.calls]));
    expect(calls).toMatchObject({
      'validate-manifest': 1,
      'load-to-postgis': 1,
      'transform-recipe': 1,
      'export-geoparquet': 1,
      'record-lineage': 1,
      'fail-run': 0,
    });
  });

  test('a run of an unreadable file fails with the error of the file, which is not a dead letter', async () => {
    await upload('kaputt', pathsFrom(1).slice(0, -9)); // Truncated.
    const run = await ended('kaputt');
    expect(run.status).toBe('failure');
    expect(run.error?.code).toBe('FILE_UNREADABLE');
    expect(await router.listDeadLetters()).toEqual([]);
  });

  test('deliveries to a killed function are retried, and the run succeeds after its restart', async () => {
    await processes.get('transform-recipe')?.end('SIGKILL');
    await upload('gekillt', pathsFrom(3));
    await vi.waitFor(
      async () =>
        expect(await router.registry.getSingleMetricAsString('sluice_deliveries_total')).toMatch(
          /transform-recipe",outcome="retry"/,
        ),
      { timeout: RUN_TIMEOUT_MS },
    );
    await processes.get('transform-recipe')?.start();
    const run = await ended('gekillt');
    expect([run.status, run.error]).toEqual(['success', null]);
  });

  test('SIGTERM ends a function with exit code 0', async () => {
    expect(await processes.get('archive')?.end('SIGTERM')).toBe(0);
  });
});
