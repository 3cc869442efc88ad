import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import { openPostgresLedger } from '#shared/ledger/postgres/postgres-ledger.ts';
import { SILENT_LOG } from '#shared/log/log.ts';
import { admitBatch } from '../../tests/fixtures/documents.ts';
import { controlVariables, createDatabase, testEnv } from '../../tests/servers.ts';
import { Program } from '../../tests/topology/program.ts';
import { claimOfScratch, deleteScratchFolders, openScratch, scratchName, scratchRoot } from './scratch.ts';

const claim = (token: number) => ({
  runId: '0d4a1f6e-2f64-8c11-9a3e-0123456789ab',
  step: 'load-to-postgis' as const,
  token,
});

test('each claim has its own folder; it deletes the folders of older claims of the step only', async () => {
  const env = testEnv();
  const [older, newer, other] = [
    scratchName(claim(2)),
    scratchName(claim(12)),
    scratchName({ ...claim(1), step: 'export-geoparquet' }),
  ].map((name) => join(scratchRoot(env), name));
  for (const folder of [older, newer, other]) await mkdir(folder ?? '');
  let own: string;
  {
    await using scratch = await openScratch(env, claim(11));
    own = scratch.folder;
    expect([own, older, newer, other].map((folder) => existsSync(folder ?? ''))).toEqual([true, false, true, true]);
  }
  expect(existsSync(own)).toBe(false);
});

test('the name of a folder contains its claim', () => {
  expect(claimOfScratch(scratchName(claim(7)))).toEqual(claim(7));
  expect(claimOfScratch('somebody else')).toBeUndefined();
});

describe('folders that killed processes left', () => {
  let database: Awaited<ReturnType<typeof createDatabase>>;
  let ledger: Ledger;
  beforeAll(async () => {
    database = await createDatabase();
    ledger = await openPostgresLedger(database.url);
  });
  afterAll(async () => {
    await ledger.close();
    await database.drop();
  });

  /** The names of the folders of current claims, and of all folders. */
  async function createFolders(root: string) {
    const claimed = async () => {
      const { run_id: runId } = await admitBatch(ledger);
      const { step } = claim(1);
      const result = await ledger.claimStep({ runId, step, owner: 'elsewhere/boot/1/1/1', leaseSeconds: 60 });
      assert(result.outcome === 'claimed', result.outcome);
      return { runId, step, token: result.token };
    };
    const [current, released, ended] = [await claimed(), await claimed(), await claimed()];
    await ledger.releaseStep(released, new SluiceError('STORE_UNAVAILABLE', 'away').toDocument());
    await ledger.endRun(ended.runId, 'canceled', null);
    const kept = ['files of others é', scratchName(claim(1)), scratchName(current)];
    const left = [released, ended, { ...current, token: 0 }].map(scratchName);
    for (const name of [...kept, ...left]) {
      await mkdir(join(root, name), { recursive: true });
      await writeFile(join(root, name, 'größe #1.shp'), 'x');
    }
    return { kept: kept.sort(), left };
  }

  test('are deleted, and those of current claims and unknown runs are kept', async () => {
    const env = testEnv();
    const { kept, left } = await createFolders(scratchRoot(env));
    expect(await deleteScratchFolders({ env, ledger, log: SILENT_LOG })).toBe(left.length);
    expect((await readdir(scratchRoot(env))).sort()).toEqual(kept);
    expect(await deleteScratchFolders({ env, ledger, log: SILENT_LOG })).toBe(0);
  });

  test('are deleted by the process of a function at its start', async () => {
    const env = testEnv();
    const { kept } = await createFolders(scratchRoot(env));
    const program = new Program(['shared/runtime/function-process.ts', 'transform-recipe'], {
      ...controlVariables(database.url),
      POSTGIS_URL: database.url,
      SCRATCH_DIR: scratchRoot(env),
      SLUICE_ENV: 'development',
    });
    try {
      await program.start('Function:Start:Done');
      await vi.waitFor(async () => expect((await readdir(scratchRoot(env))).sort()).toEqual(kept), 30_000);
    } finally {
      await program.end('SIGKILL');
    }
  });
});
