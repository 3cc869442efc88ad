import { afterAll, beforeAll, expect, test } from 'vitest';
import { schemaOfRun } from '#shared/postgis/run-schema.ts';
import type { Context } from './context.ts';
import { openFunctionContext } from '../../tests/function-context.ts';
import { startRun } from '../../tests/function-runs.ts';
import { claimStep } from '../../tests/loaded-run.ts';

let context: Context & AsyncDisposable;
beforeAll(async () => {
  context = await openFunctionContext();
});
afterAll(() => context[Symbol.asyncDispose]());

test('opens sessions for a running run only, and leaves no schema of an ended one', async () => {
  const { run } = await startRun(context, 'späte é #1');
  const claim = await claimStep(context.ledger, run.run_id, 'load-to-postgis');
  const session = await context.postgis.openSession(claim, context.signal);
  await session.query('create table raw_data (id int)');
  await context.ledger.endRun(run.run_id, 'canceled', null);
  await context.postgis.dropSchema(run.run_id);

  await expect(session.query('create table public.late (id int)'), 'its session was ended').rejects.toThrow();
  await expect(context.postgis.openSession(claim, context.signal)).rejects.toMatchObject({
    code: 'CLAIM_STALE',
    details: { run_id: run.run_id },
  });
  expect(await context.postgis.listRunSchemas()).not.toContain(schemaOfRun(run.run_id));
  await session.close();
});
