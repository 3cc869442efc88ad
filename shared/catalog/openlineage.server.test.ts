import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Context } from '#shared/runtime/context.ts';
import { openFunctionContext } from '../../tests/function-context.ts';
import { exportAsset, startRun } from '../../tests/function-runs.ts';
import { handler as archive } from '../../functions/archive/handler.ts';
import { handler as recordLineage } from '../../functions/record-lineage/handler.ts';
import { openLineageEvents, type OpenLineageEvent, writeOpenLineage } from './openlineage.ts';
import { openLineageKey } from '#shared/contracts/object-keys.ts';

let context: Context & AsyncDisposable;
beforeAll(async () => {
  context = await openFunctionContext();
});
afterAll(() => context[Symbol.asyncDispose]());

const written = async (runId: string) =>
  (await text(await context.objects.read('data-lake', openLineageKey(runId))))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as OpenLineageEvent);

test('a successful run writes START and COMPLETE events with files, asset, columns and size', async () => {
  const { run } = await startRun(context, 'lineage é');
  const succeeded = await recordLineage(await exportAsset(context, run), context);
  assert(succeeded !== undefined, 'The run did not succeed.');
  await archive(succeeded, context);
  const [start, complete, ...more] = await written(run.run_id);
  expect(more).toEqual([]);
  expect(start).toMatchObject({
    eventType: 'START',
    eventTime: run.created_at,
    run: { runId: run.run_id },
    job: { namespace: 'sluice', name: `ingest_vector.${run.dataset_id}` },
    outputs: [],
  });
  expect(complete).toMatchObject({
    eventType: 'COMPLETE',
    inputs: [{ namespace: 's3://landing-zone', name: 'lineage é/roads é.zip' }],
    outputs: [
      {
        namespace: 's3://data-lake',
        facets: {
          schema: {
            fields: [
              { name: 'größe', type: 'double precision' },
              { name: 'select', type: 'text' },
            ],
          },
          version: { datasetVersion: '1' },
        },
        outputFacets: { outputStatistics: { rowCount: 3, size: 4 } },
      },
    ],
  });
  expect(complete?.producer).toBe('http://127.0.0.1:8080');
  for (const event of [start, complete]) expect(event?.schemaURL).toMatch(/^https:\/\/openlineage\.io\/spec\/1-/);
});

test('a failed run makes a FAIL event with its error, a canceled run ABORT, a running run only START', async () => {
  const { run } = await startRun(context, 'fails');
  const error = { code: 'CRS_MISSING', message: 'roads é.zip has no CRS.', details: {} } as const;
  const empty = {
    namespace: 'sluice',
    producer: 'https://sluice.example.org',
    lakeBucket: 'data-lake',
    assets: [],
    parents: [],
  };
  expect(openLineageEvents(run, empty).map(({ eventType }) => eventType)).toEqual(['START']);
  expect(openLineageEvents({ ...run, status: 'canceled' }, empty).map(({ eventType }) => eventType)).toEqual([
    'START',
    'ABORT',
  ]);
  const { run: failed } = await context.ledger.endRun(run.run_id, 'failure', error);
  expect(openLineageEvents(failed, empty)[1]).toMatchObject({
    eventType: 'FAIL',
    run: { facets: { errorMessage: { message: 'CRS_MISSING: roads é.zip has no CRS.' } } },
  });
});

test('events are posted to OPENLINEAGE_URL; an error of the server does not fail the archive step', async () => {
  const received: { path: string | undefined; authorization: string | undefined; event: OpenLineageEvent }[] = [];
  let status = 201;
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      received.push({
        path: request.url,
        authorization: request.headers.authorization,
        event: JSON.parse(body) as OpenLineageEvent,
      });
      response.writeHead(status).end();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const env = {
      ...context.env,
      OPENLINEAGE_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
      OPENLINEAGE_API_KEY: 'secret',
    };
    const { run } = await startRun(context, 'posted');
    const { run: ended } = await context.ledger.endRun(run.run_id, 'canceled', null);
    await writeOpenLineage(ended, { ...context, env });
    expect(received.map(({ path, authorization, event }) => [path, authorization, event.eventType])).toEqual([
      ['/api/v1/lineage', 'Bearer secret', 'START'],
      ['/api/v1/lineage', 'Bearer secret', 'ABORT'],
    ]);
    status = 500;
    await writeOpenLineage(ended, { ...context, env });
    expect(await written(run.run_id)).toHaveLength(2);
  } finally {
    server.close();
  }
});
