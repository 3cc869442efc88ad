import { describe, expect, test, vi } from 'vitest';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import { SILENT_LOG } from '#shared/log/log.ts';
import { newBatch } from '../../tests/fixtures/documents.ts';
import type { Context } from './context.ts';
import { countBackendDeaths, mayUseParallelWorkers, restartAfterLoss } from './restart-run.ts';

const run_id = 'r-1';
const tablesLost = (details: Record<string, unknown>) =>
  new SluiceError('TABLES_LOST', 'PostgreSQL crashed.', { details });

test('the third death of the server process of a run is OUT_OF_MEMORY and names the largest feature', () => {
  const features = [{ feature: 7, vertices: 12_000 }];
  const died = tablesLost({ backend_died: true, features });
  expect(countBackendDeaths(died, { run_id })).toBe(died);
  expect(countBackendDeaths(died, { run_id, restarts: 9, backend_deaths: 1 })).toBe(died);
  expect(countBackendDeaths(died, { run_id, restarts: 9, backend_deaths: 2 })).toMatchObject({
    code: 'OUT_OF_MEMORY',
    retryable: false,
    message:
      'The PostgreSQL process of run r-1 was killed or crashed 3 times. A likely reason is that a feature needs ' +
      'more memory than the server has. Feature 7, counted from 1, has the most vertices (12000).',
    details: { backend_deaths: 3, features },
  });
});

test('a crash that another run caused is not counted', () => {
  const other = tablesLost({ backend_died: false });
  expect(countBackendDeaths(other, { run_id, restarts: 9, backend_deaths: 2 })).toBe(other);
  const unavailable = new SluiceError('DATABASE_UNAVAILABLE', 'Connection terminated unexpectedly');
  expect(countBackendDeaths(unavailable, { run_id, restarts: 9, backend_deaths: 2 })).toBe(unavailable);
});

test.each([
  [true, {}],
  [true, { restarts: 2 }],
  [false, { restarts: 3 }],
  [false, { restarts: 1, backend_deaths: 1 }],
])('parallel workers are allowed: %s, after the restarts %j', (allowed, counts) => {
  expect(mayUseParallelWorkers(counts)).toBe(allowed);
});

describe('restartAfterLoss', () => {
  const away = new SluiceError('DATABASE_UNAVAILABLE', 'the database system is in recovery mode');

  /** Restarts a run with these counts on a ledger that rejects the first writes with `errors`. */
  async function restart(counts: object, errors: SluiceError[], details: Record<string, unknown> = {}) {
    const run: RunDocument = { ...newBatch().run, ...counts };
    const restartRun = vi.fn(() => {
      const error = errors.shift();
      return error ? Promise.reject(error) : Promise.resolve({ ...run, restarts: 1 + (run.restarts ?? 0) });
    });
    const appendActivity = vi.fn(() => Promise.resolve());
    const context = { ledger: { restartRun, appendActivity }, log: SILENT_LOG, signal: new AbortController().signal };
    const claim = { runId: run.run_id, step: 'transform-recipe' as const, token: 3, run };
    const event = await restartAfterLoss(claim, tablesLost(details), context as unknown as Context);
    return { type: event?.type, writes: restartRun.mock.calls as unknown[][], activities: appendActivity.mock.calls };
  }

  test('repeats its write until the ledger is available', async () => {
    const { type, writes, activities } = await restart({}, [away], { backend_died: true });
    expect(type).toBe('sluice.run.requested.vector');
    expect(writes.map(([, , backendDied]) => backendDied)).toEqual([true, true]);
    expect(activities).toHaveLength(1);
  });

  test('does not restart a run that was ended or claimed by another worker', async () => {
    await expect(restart({}, [new SluiceError('CLAIM_STALE', 'stale')])).rejects.toMatchObject({ code: 'CLAIM_STALE' });
  });

  test('restarts a run 10 times after crashes of others, besides the crashes of its own server process', async () => {
    expect((await restart({ restarts: 11, backend_deaths: 2 }, [])).type).toBeDefined();
    expect(await restart({ restarts: 12, backend_deaths: 2 }, [])).toMatchObject({ type: undefined, writes: [] });
    expect((await restart({ restarts: 12, backend_deaths: 1 }, [], { backend_died: true })).type).toBeDefined();
  });
});
