import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { makeEvent } from '#shared/events/event.ts';
import { SLEEP_IN_TRANSFORM } from '../../tests/fixtures/sleep-in-transform.ts';
import { runSluice } from '../../tests/fixtures/command-line.ts';
import { type TestSluice, startTestSluice } from '../../tests/running-sluice.ts';

const COUNTRIES = fileURLToPath(new URL('../../gateway/console/sample/countries.zip', import.meta.url));
const NO_RUN = '0d4a1f6e-2f64-8c11-9a3e-0123456789ab';

let sluice: TestSluice;
let folder: string;
beforeAll(async () => {
  sluice = await startTestSluice();
  folder = await mkdtemp(join(tmpdir(), 'sluice run-control é #'));
});
afterAll(async () => {
  await sluice[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const run = (args: string[], variables?: Record<string, string>) => runSluice(sluice.url, args, variables);
const json = async (...args: string[]) => {
  const { stdout, exitCode } = await run([...args, '--json']);
  return {
    exitCode,
    document: JSON.parse(stdout) as {
      run_id: string;
      status: string;
      asset: { id: string; version: number } | null;
      error: { code: string } | null;
    },
  };
};
const activities = async (runId: string) =>
  (
    JSON.parse((await run(['activity', '--run', runId, '--json'])).stdout) as { activity: string; operator: string }[]
  ).map(({ activity, operator }) => `${operator}: ${activity}`);

test('event prints the event of a step; a function that receives it again does not repeat the step', async () => {
  const { document } = await json('ingest', COUNTRIES, '--dataset', 'schritte');
  const eventOf = async (step: string) => {
    const { stdout } = await run(['event', step, document.run_id]);
    return JSON.parse(stdout) as { type: string; data: { run_id: string } };
  };
  expect((await eventOf('load-to-postgis')).type).toBe('sluice.run.requested.vector');
  expect((await eventOf('archive')).type).toBe('sluice.run.succeeded');
  const loaded = await eventOf('transform-recipe');
  expect(loaded).toMatchObject({ type: 'sluice.table.loaded', data: { run_id: document.run_id } });
  const called = await fetch(`${sluice.url}/function/transform-recipe`, {
    method: 'POST',
    headers: { 'content-type': 'application/cloudevents+json' },
    body: JSON.stringify(loaded),
  });
  expect([called.status, called.headers.get('ce-type')]).toEqual([200, 'sluice.table.ready']);
  expect((await sluice.context.ledger.getRun(document.run_id))?.steps).toMatchObject(
    Array.from({ length: 5 }, () => ({ status: 'done', attempt: 1 })),
  );
  const unknown = await run(['event', 'export-cog', document.run_id]);
  expect([unknown.exitCode, unknown.stderr]).toEqual([
    expect.any(Number),
    expect.stringContaining('has no step "export-cog"; its steps are load-to-postgis, transform-recipe'),
  ]);
  expect(unknown.exitCode).not.toBe(0);
  // The other functions are no steps of the lane.
  const archived = await run(['event', 'validate-manifest', document.run_id]);
  expect([archived.exitCode, archived.stderr]).toEqual([
    2,
    expect.stringContaining('so validate-manifest cannot read it.'),
  ]);
  const ended = await run(['event', 'fail-run', document.run_id]);
  expect([ended.exitCode, ended.stderr]).toEqual([
    2,
    expect.stringContaining('so fail-run cannot end it with failure.'),
  ]);
  expect(await eventOf('monitor-runs')).toMatchObject({ type: 'sluice.tick' });
});

describe('rerun', () => {
  test('of a successful run returns the existing asset; with --force, it creates a new version', async () => {
    const { document: first } = await json('ingest', COUNTRIES, '--dataset', 'länder');
    const again = await json('rerun', first.run_id, '--follow', '--operator', 'Zoë 🗺');
    expect(again).toMatchObject({
      exitCode: 0,
      document: { status: 'success', asset: { id: first.asset?.id, version: 1 } },
    });
    expect(again.document.run_id).not.toBe(first.run_id);
    expect(await activities(again.document.run_id)).toContain('Zoë 🗺: run_rerun');
    expect(await json('rerun', again.document.run_id, '--force', '--follow')).toMatchObject({
      exitCode: 0,
      document: { status: 'success', asset: { version: 2 } },
    });
  });

  test('reports the existing asset, and the command that shows the run', async () => {
    const { document } = await json('ingest', COUNTRIES, '--dataset', 'worte');
    const followed = await run(['rerun', document.run_id, '--follow']);
    expect([followed.exitCode, followed.stdout]).toEqual([
      0,
      expect.stringContaining('so this run returns the existing version 1, created '),
    ]);
    const started = await run(['rerun', document.run_id]);
    expect([started.exitCode, started.stdout]).toEqual([
      0,
      expect.stringMatching(
        new RegExp(
          `^Run [0-9a-f-]{36} repeats run ${document.run_id} of batch .*\n` +
            `To follow it: npx sluice run [0-9a-f-]{36} --follow$`,
        ),
      ),
    ]);
  });

  test('of a failed run fails with the same error, and exits with 1', async () => {
    const csv = join(folder, 'ohne é.csv');
    await writeFile(csv, 'x,y\n2600000,1200000\n');
    const { document } = await json('ingest', csv, '--dataset', 'ohne', '--x-column', 'x', '--y-column', 'y');
    expect(await json('rerun', document.run_id, '--follow')).toMatchObject({
      exitCode: 1,
      document: { status: 'failure', error: { code: 'CRS_MISSING' } },
    });
  });

  test('the same --request-id returns the same run', async () => {
    const { document } = await json('ingest', COUNTRIES, '--dataset', 'einmal');
    const [one, two] = [
      await json('rerun', document.run_id, '--request-id', 'é 1'),
      await json('rerun', document.run_id, '--request-id', 'é 1', '--follow'),
    ];
    expect(two.document.run_id).toBe(one.document.run_id);
  });
});

test('cancel stops an active run, and exits with 1 for an ended run', async () => {
  const database = new pg.Client({ connectionString: sluice.env.POSTGIS_URL });
  await database.connect();
  await database.query(SLEEP_IN_TRANSFORM);
  await database.end();
  const csv = join(folder, 'schläft.csv');
  await writeFile(csv, 'sleep,x,y\n1,2,3\n');
  const place = ['--crs', 'EPSG:4326', '--x-column', 'x', '--y-column', 'y'];
  const ingest = run(['ingest', csv, '--dataset', 'schläft', ...place, '--json']);
  const transform = async () =>
    (await sluice.context.ledger.listRuns({ dataset_id: 'schläft' }))[0]?.steps.find(
      ({ name }) => name === 'transform-recipe',
    );
  await expect.poll(async () => (await transform())?.status, { timeout: 30_000 }).toBe('running');
  const runId = (await sluice.context.ledger.listRuns({ dataset_id: 'schläft' }))[0]?.run_id ?? '';
  const canceled = await run(['cancel', runId, '--operator', 'Zoë 🗺']);
  expect([canceled.exitCode, canceled.stdout]).toEqual([
    0,
    expect.stringMatching(/ is canceled\. To repeat it: npx sluice rerun /),
  ]);
  const { stdout, exitCode } = await ingest;
  expect([exitCode, JSON.parse(stdout)]).toMatchObject([
    1,
    {
      run_id: runId,
      status: 'canceled',
      asset: null,
      error: { code: 'CANCELED', message: 'Zoë 🗺 canceled the run.' },
    },
  ]);
  expect(await activities(runId)).toEqual(expect.arrayContaining(['Zoë 🗺: run_canceled']));
  expect((await run(['run', runId])).stdout).toMatch(/^ {2}transform-recipe +canceled/m);
  expect(await json('cancel', runId)).toMatchObject({ exitCode: 0, document: { status: 'canceled' } });
  const { document } = await json('ingest', COUNTRIES, '--dataset', 'fertig');
  expect(await json('cancel', document.run_id)).toMatchObject({
    exitCode: 1,
    document: { error: { code: 'TRANSITION_ILLEGAL' } },
  });
});

test('dead letters that can be re-driven are listed, all with --all; an error in a file is not one', async () => {
  const csv = join(folder, 'tot.csv');
  await writeFile(csv, 'x,y\n2600000,1200000\n');
  const { document } = await json('ingest', csv, '--dataset', 'tot', '--x-column', 'x', '--y-column', 'y');
  expect(document).toMatchObject({ status: 'failure', error: { code: 'CRS_MISSING' } });
  const letterOfRun = async () =>
    (JSON.parse((await run(['dead-letters', '--all', '--json'])).stdout) as { id: string; run_id: string }[]).find(
      (letter) => letter.run_id === document.run_id,
    );
  expect(await letterOfRun()).toBeUndefined();

  // load-to-postgis does not accept this type.
  const event = makeEvent('sluice.run.requested.raster', document.run_id, { run_id: document.run_id });
  await sluice.router.publishTo('load-to-postgis', event, { callId: 'tot' });
  const id = (await vi.waitFor(async () => (await letterOfRun()) ?? expect.unreachable(), 30_000)).id;
  expect((await run(['dead-letters'])).stdout).toBe(
    'There are no dead letters to re-drive.\n' +
      '1 dead letter cannot be re-driven. To list them with the reason: npx sluice dead-letters --all',
  );
  expect((await run(['dead-letters', '--all'])).stdout).toMatch(
    new RegExp(
      `${id} +load-to-postgis +EVENT_INVALID +1 +${document.run_id} .*` +
        `Rerun it instead: npx sluice rerun ${document.run_id}`,
    ),
  );
  const rejected = await run(['dead-letters', 'redrive', id]);
  expect([rejected.exitCode, rejected.stderr]).toEqual([
    1,
    expect.stringContaining(`npx sluice rerun ${document.run_id}`),
  ]);
  expect((await run(['dead-letters', 'discard', id, '--operator', 'ana'])).stdout).toBe(
    'The dead letter of load-to-postgis (sluice.run.requested.raster) was discarded.',
  );
  expect(await activities(document.run_id)).toContain('ana: dead_letter_discarded');
  expect((await run(['dead-letters', 'discard', id])).exitCode).toBe(2);
});

test.each([
  ['an unknown run', ['rerun', NO_RUN], 2],
  ['an unknown run', ['cancel', NO_RUN], 2],
  ['no run', ['cancel'], 2],
  ['an unknown dead letter', ['dead-letters', 'redrive', 'nope'], 2],
  ['an unknown command', ['dead-letters', 'burn', 'x'], 2],
])('%s: sluice %j exits with %i', async (_what, args, code) => {
  const { exitCode, stdout, stderr } = await run(args);
  expect([exitCode, stdout, stderr.length > 0]).toEqual([code, '', true]);
});

test('exits with 3 when Sluice does not respond', async () => {
  for (const args of [['rerun', NO_RUN], ['cancel', NO_RUN], ['dead-letters']])
    expect((await run(args, { SLUICE_URL: 'http://127.0.0.1:1' })).exitCode).toBe(3);
});
