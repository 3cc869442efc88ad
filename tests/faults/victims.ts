import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { expect, vi } from 'vitest';
import { describedAssetKey, isCatalogKey } from '#shared/contracts/object-keys.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import { isArchived } from '#shared/run-control/resume-run.ts';
import { SILENT_LOG } from '#shared/log/log.ts';
import { openContext } from '#shared/runtime/make-context.ts';
import { controlVariables, createDatabase, startObjectStore, STORE_KEY_VARIABLES, testEnv } from '../servers.ts';
import { type Batch, inputDataset, uploadBatch } from './batches.ts';
import type { WritePoint } from './durable-writes.ts';
import type { Order } from './victim.ts';
import { kill, TIMEOUT_MS } from './worker-process.ts';

/** What the tests of killed and stopped processes share. */
export type KilledSluices = Awaited<ReturnType<typeof openKilledSluices>>;

interface KilledOptions {
  postgisServers?: number;
  ledgerIn?: 'mongodb';
}

/**
 * Starts databases and an object store for Sluice processes that the tests kill or stop (victim.ts). Returns functions
 * to start such a process and to read what is stored. `postgisServers`: the number of databases in POSTGIS_URL.
 * `ledgerIn`: where the ledger is, by default that of SLUICE_TEST_LEDGER.
 */
export async function openKilledSluices({ postgisServers = 1, ledgerIn }: KilledOptions = {}) {
  const { home, variables, controlUrl, closeStores } = await openStores(postgisServers, ledgerIn);
  const context = await openContext(testEnv(variables), SILENT_LOG);
  const queue = new pg.Pool({ connectionString: controlUrl, max: 1 });
  const { ledger, objects } = context;

  const runOf = async (batchId: string): Promise<RunDocument | undefined> =>
    (await ledger.listRuns({ batch_id: batchId }))[0];
  /** True after the last step of the run, with any status. */
  const isOver = async (batchId: string) => isArchived((await runOf(batchId)) ?? { steps: [] });

  let started: ChildProcess | undefined;
  /** The running process. Starts one if none runs. */
  const running = async (): Promise<ChildProcess> => {
    if (started?.exitCode !== null || started.signalCode !== null) started = await startVictim(variables);
    return started;
  };

  const noDeliveries = () => untilNoDeliveries(queue);

  /** Processes a batch without a kill, and returns all durable writes. Its assets can be joined (inputDataset). */
  const record = async (batch: Batch): Promise<WritePoint[]> => {
    const file = join(home, `${inputDataset(batch)}.jsonl`);
    const child = await running();
    await noDeliveries(); // The writes of a timer at the start do not belong to the run.
    await uploadBatch(batch, inputDataset(batch), inputDataset(batch), context);
    go(child, { record: file });
    await vi.waitUntil(() => isOver(inputDataset(batch)), { timeout: TIMEOUT_MS, interval: 50 });
    await noDeliveries();
    expect(await runOf(inputDataset(batch))).toMatchObject({ status: 'success', error: null });
    return readWrites(file);
  };

  const keys = async (bucket: string, prefix = ''): Promise<string[]> =>
    (await Array.fromAsync(objects.list(bucket, prefix))).map(({ key }) => key);

  return {
    variables,
    context,
    running,
    go,
    unarm,
    noDeliveries,
    record,
    runOf,
    isOver,
    keys,
    /** Objects of the lake that belong to no registered asset. */
    unregistered: async () => unregisteredOf(await keys('data-lake'), ledger),
    scratch: (): string[] => (existsSync(variables.SCRATCH_DIR) ? readdirSync(variables.SCRATCH_DIR) : []),
    close: async () => {
      if (started !== undefined) await kill(started);
      await queue.end();
      await context[Symbol.asyncDispose]();
      await closeStores();
    },
  };
}

/** Databases, an object store and a folder, and the variables of a Sluice that uses them. */
async function openStores(postgisServers: number, ledgerIn: KilledOptions['ledgerIn']) {
  const [control, store, ...spatial] = await Promise.all([
    createDatabase(),
    startObjectStore(),
    ...Array.from({ length: postgisServers }, () => createDatabase({ postgis: true })),
  ]);
  const home = mkdtempSync(join(tmpdir(), 'sluice-killed-'));
  const variables = {
    SLUICE_HOME: home,
    SCRATCH_DIR: join(home, 'scratch'),
    PORT: '0',
    ...controlVariables(control.url, ledgerIn),
    POSTGIS_URL: spatial.map(({ url }) => url).join(' '),
    S3_ENDPOINT: store.endpoint,
    ...STORE_KEY_VARIABLES,
  };
  const closeStores = async () => {
    await store.stop();
    await Promise.all([control, ...spatial].map((database) => database.drop()));
    await rm(home, { recursive: true, force: true });
  };
  return { home, variables, controlUrl: control.url, closeStores };
}

/** Starts a Sluice that the tests kill or stop. */
async function startVictim(variables: Record<string, string>): Promise<ChildProcess> {
  const child = spawn('node', [join(import.meta.dirname, 'victim.ts')], {
    // The functions run in the same process, so that the signal stops them too.
    env: { ...process.env, FUNCTION_PROCESSES: '0', LOG_LEVEL: 'silent', ...variables },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await Promise.race([
    printed(child, 'ready'),
    once(child, 'close').then(() => assert.fail('Sluice ended before it was ready.')),
  ]);
  return child;
}

/** Lets a started process publish the uploaded manifests. */
function go(child: ChildProcess, order: Order): void {
  child.stdin?.write(`${JSON.stringify(order)}\n`);
}

/**
 * Removes the target of the last order, so that it is not reached later. If the process was stopped at it in the
 * meantime, the process continues.
 */
async function unarm(child: ChildProcess): Promise<void> {
  let unarmed = false;
  void printed(child, 'unarmed').then(() => (unarmed = true));
  go(child, {});
  await vi.waitUntil(() => child.kill('SIGCONT') && unarmed, { timeout: TIMEOUT_MS, interval: 10 });
}

/** Waits until every delivery has ended, so that no function will be called. */
async function untilNoDeliveries(queue: pg.Pool): Promise<void> {
  const isEmpty = async () => (await queue.query(`select from pgboss.job where state < 'completed'`)).rowCount === 0;
  await vi.waitUntil(isEmpty, { timeout: TIMEOUT_MS, interval: 10 });
}

function readWrites(file: string): WritePoint[] {
  return readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as WritePoint);
}

/** `stored` was listed before the assets, because an object is uploaded before its asset is registered. */
async function unregisteredOf(stored: readonly string[], ledger: Ledger): Promise<string[]> {
  const assets = await ledger.listAssets({ limit: Number.MAX_SAFE_INTEGER });
  const registered = new Set(assets.map(({ s3_key }) => s3_key));
  return stored.filter((key) => !isCatalogKey(key) && !registered.has(describedAssetKey(key)));
}

/** Resolves when the process prints the word. */
export function printed(child: ChildProcess, word: string): Promise<void> {
  return new Promise((resolve) => {
    const read = (chunk: Buffer) => {
      if (!chunk.toString().includes(word)) return;
      child.stdout?.off('data', read);
      resolve();
    };
    child.stdout?.on('data', read);
  });
}
