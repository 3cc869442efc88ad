import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { MongoClient } from 'mongodb';
import type { Ledger } from '#shared/ledger/ledger.ts';
import { openLedger, openStoredLedger } from '#shared/ledger/open-ledger.ts';
import { startPostgres } from '../gateway/embedded/postgres.ts';
import { OWNER } from '../tests/contract/samples.ts';
import { admitBatch } from '../tests/fixtures/documents.ts';
import { insertManyRuns } from '../tests/fixtures/large-ledger.ts';
import { withDatabase } from '../tests/mongodb/server.ts';
import { type Benchmark, type Measure, median } from './report.ts';

/**
 * Measures operations of a ledger with a few and with many runs. With indexes for all queries, the number of runs does
 * not matter. Uses MONGO_CONNECTION_STRING too, with a database of its own.
 */

const SIZES = [1_000, 100_000] as const;
const REPEATS = 100;
const LEASE_SECONDS = 60;

export async function benchLedger(): Promise<Benchmark> {
  await mkdir('.cache/bench', { recursive: true });
  const home = await mkdtemp(resolve('.cache/bench/ledger-'));
  const postgres = await startPostgres(join(home, 'postgres'));
  const mongo = process.env.MONGO_CONNECTION_STRING;
  const measures: Measure[] = [];
  try {
    for (const size of SIZES) {
      measures.push(...(await measure('PostgreSQL', await postgres.database(`ledger_${size}`), size)));
      if (mongo !== undefined) {
        const url = withDatabase(mongo, `bench_${randomUUID()}`);
        try {
          measures.push(...(await measure('MongoDB', url, size)));
        } finally {
          await dropDatabase(url);
        }
      }
    }
  } finally {
    await postgres.stop();
    await rm(postgres.data, { recursive: true, force: true });
    await rm(home, { recursive: true, force: true });
  }
  const title = `Operations of the ledger with ${SIZES.map((size) => size.toLocaleString('en')).join(' and ')} runs`;
  return { name: 'ledger', title, measures, repeats: [] };
}

async function dropDatabase(url: string): Promise<void> {
  const client = new MongoClient(url);
  try {
    await client.db().dropDatabase();
  } finally {
    await client.close();
  }
}

async function measure(server: string, url: string, size: number): Promise<Measure[]> {
  const env = { LEDGER_URL: url, MONGO_CONNECTION_STRING: undefined, CONTROL_DATABASE_URL: undefined };
  const stored = await openStoredLedger(env);
  await insertManyRuns(stored, size);
  await stored.close();
  const ledger = await openLedger(env);
  try {
    const measures: Measure[] = [];
    for (const [operation, call] of Object.entries(operationsOf(ledger))) {
      const durations: number[] = [];
      for (let repeat = 0; repeat < REPEATS; repeat++) durations.push(await call());
      const name = `${server}, ${size.toLocaleString('en')} runs: ${operation}`;
      measures.push({ name, value: median(durations), unit: 'ms' });
    }
    return measures;
  } finally {
    await ledger.close();
  }
}

/** Each call returns its duration in milliseconds. */
function operationsOf(ledger: Ledger): Record<string, () => Promise<number>> {
  const [dataset_id, batch_id] = ['many-1', 'many #1'];
  return {
    'admit a manifest': () => timed(() => admitBatch(ledger)),
    'claim, renew and release a step': async () => {
      const { run_id: runId } = await admitBatch(ledger);
      const step = 'load-to-postgis';
      return timed(async () => {
        const claim = await ledger.claimStep({ runId, step, owner: OWNER, leaseSeconds: LEASE_SECONDS });
        if (claim.outcome !== 'claimed') throw new Error(claim.outcome);
        const { token } = claim;
        await ledger.renewClaim({ runId, step, token }, LEASE_SECONDS);
        await ledger.releaseStep({ runId, step, token }, { code: 'INTERNAL', message: '', details: {} });
      });
    },
    'list the newest runs': () => timed(() => ledger.listRuns()),
    'list the running runs': () => timed(() => ledger.listRuns({ status: 'running' })),
    'list the runs that are not archived': () => timed(() => ledger.listRuns({ archived: false })),
    'list the runs of a dataset': () => timed(() => ledger.listRuns({ dataset_id })),
    'list the runs of a batch': () => timed(() => ledger.listRuns({ batch_id })),
    'list the newest assets': () => timed(() => ledger.listAssets()),
    'list the assets of a dataset': () => timed(() => ledger.listAssets({ dataset_id })),
    'find an asset by its source': () => timed(() => ledger.findAssetBySource(dataset_id, 'x')),
    'list the newest activities': () => timed(() => ledger.listActivity()),
  };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}
