import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { runFailed } from '#shared/events/run-events.ts';
import { openRouter, startRouter, testEvent, type TestFunctions } from '../../tests/fixtures/router.ts';
import { eventually, RoutersOfTest } from '../../tests/fixtures/routers-of-test.ts';
import { parseMetric } from '../../tests/fixtures/metric-series.ts';
import type { Router } from './router.ts';

const routers = new RoutersOfTest();
const RUN_ID = '0d4a1f6e-2f64-8c11-9a3e-0123456789ab';
const RUN = { run_id: RUN_ID, dataset_id: 'straßen #1', lane: 'vector', traceparent: null } as const;
const ERROR = { code: 'CRS_MISSING', message: 'wege é.shp has no CRS.', details: {} } as const;

/** A receiver of alerts. `reply` returns the status of each request, from 1; 302 redirects to /elsewhere. */
class Receiver {
  readonly requests: { path: string | undefined; headers: Record<string, unknown>; body: unknown }[] = [];
  reply: (count: number) => number = () => 204;
  readonly #server = createServer(
    (request, response) =>
      void buffer(request).then((body) => {
        const { url: path, headers } = request;
        this.requests.push({ path, headers, body: JSON.parse(body.toString()) as unknown });
        response.writeHead(this.reply(this.requests.length), { location: '/elsewhere' }).end();
      }),
  );

  async start(): Promise<void> {
    await new Promise<void>((listening) => this.#server.listen(0, '127.0.0.1', listening));
  }

  get variables(): Record<string, string> {
    const { port } = this.#server.address() as AddressInfo;
    return { ALERT_WEBHOOK_URL: `http://127.0.0.1:${port}/hook?a=b`, ALERT_DISK_FREE_PERCENT: '0' };
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((closed) => this.#server.close(closed));
  }
}

let receiver: Receiver;
beforeEach(async () => {
  receiver = new Receiver();
  await receiver.start();
});
afterEach(() => receiver.stop());

const functions: TestFunctions = {
  archive: { topic: 'sluice.run.failed,t.last', run: () => Promise.resolve(undefined) },
  broken: { topic: 't.one', run: () => Promise.reject(new SluiceError('STORE_DENIED', 'The key is not valid.')) },
};
/** Resolves when everything that was published before is delivered. */
async function delivered(...all: [Router, ...Router[]]): Promise<void> {
  await all[0].publish(testEvent('t.last', 'last'));
  await eventually(async () => {
    const texts = await Promise.all(all.map((router) => router.registry.metrics()));
    const counts = texts.map((text) => parseMetric(text, 'sluice_deliveries_total', { function: 'archive' }) ?? 0);
    expect(counts.reduce((sum, count) => sum + count)).toBeGreaterThan(1);
  });
}

async function query(text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: routers.databaseUrl });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

/** The number of stored alerts, of those in a state. */
async function alertJobs(state?: string): Promise<number> {
  const rows = await query("select state from pgboss.job where name = 'sluice.alerts'");
  return rows.filter((row) => state === undefined || row.state === state).length;
}

/** sluice_alerts_total over several routers. */
async function countAlerts(outcome: string, ...all: Router[]): Promise<number> {
  const texts = await Promise.all(all.map((router) => router.registry.metrics()));
  return texts.reduce((sum, text) => sum + (parseMetric(text, 'sluice_alerts_total', { outcome }) ?? 0), 0);
}

test('a failed run and a dead letter are posted as CloudEvents, once each', async () => {
  const router = await routers.start(functions, { ...receiver.variables, ALERT_WEBHOOK_TOKEN: 'token-7' });
  await router.publish(runFailed(RUN, ERROR));
  await router.publish({ ...runFailed(RUN, ERROR), id: 'published again' });
  await router.publish(testEvent('t.one', '1'));
  await eventually(() => expect(receiver.requests).toHaveLength(2));
  const bodies = receiver.requests.map(({ body }) => body as { type: string });
  expect(bodies.toSorted((a, b) => a.type.localeCompare(b.type))).toMatchObject([
    {
      specversion: '1.0',
      type: 'sluice.alert.delivery.failed',
      subject: 'broken',
      data: {
        function: 'broken',
        event_type: 't.one',
        error: { code: 'STORE_DENIED', message: 'The key is not valid.' },
      },
    },
    {
      specversion: '1.0',
      type: 'sluice.alert.run.failed',
      subject: RUN_ID,
      data: { run_id: RUN_ID, dataset_id: 'straßen #1', error: { code: 'CRS_MISSING', message: ERROR.message } },
    },
  ]);
  expect(receiver.requests[0]).toMatchObject({
    path: '/hook?a=b',
    headers: { 'content-type': 'application/cloudevents+json', authorization: 'Bearer token-7' },
  });
  await delivered(router);
  expect(receiver.requests).toHaveLength(2);
  await eventually(async () =>
    expect(parseMetric(await router.registry.metrics(), 'sluice_alerts_total', { outcome: 'done' })).toBe(2),
  );
});

test('an alert that is not accepted is repeated with the same id, and a redirect is not followed', async () => {
  receiver.reply = (count) => [500, 302, 200][count - 1] ?? 200;
  const router = await routers.start(functions, receiver.variables);
  await router.publish(runFailed(RUN, ERROR));
  await eventually(() => expect(receiver.requests).toHaveLength(3));
  expect(new Set(receiver.requests.map(({ path }) => path))).toEqual(new Set(['/hook?a=b']));
  expect(new Set(receiver.requests.map(({ body }) => (body as { id: string }).id)).size).toBe(1);
});

test('an alert that was not sent before the stop is sent after the next start', async () => {
  receiver.reply = () => 503;
  const first = await startRouter(routers.databaseUrl, functions, receiver.variables);
  await first.publish(runFailed(RUN, ERROR));
  await eventually(() => expect(receiver.requests.length).toBeGreaterThan(0));
  await first.stop();
  const before = receiver.requests.length;
  receiver.reply = () => 200;
  await routers.start(functions, receiver.variables);
  await eventually(() => expect(receiver.requests.length).toBe(before + 1));
  expect(receiver.requests.at(-1)?.body).toMatchObject({ type: 'sluice.alert.run.failed', subject: RUN_ID });
});

test('two gateways send an alert once', async () => {
  const [first, second] = await Promise.all([
    routers.start(functions, receiver.variables),
    routers.start(functions, receiver.variables),
  ]);
  await Promise.all([first.publish(runFailed(RUN, ERROR)), second.publish(runFailed(RUN, ERROR))]);
  await delivered(first, second);
  await eventually(async () => {
    expect(await alertJobs('completed')).toBe(await alertJobs());
    expect(await countAlerts('done', first, second)).toBe(1);
  });
  expect(await alertJobs()).toBe(1);
  expect(receiver.requests).toHaveLength(1);
});

test('an alert that was stored more than a day ago is not posted', async () => {
  const router = await openRouter(routers.databaseUrl, functions, receiver.variables);
  routers.stopAfterTest(router);
  await router.publish(runFailed(RUN, ERROR));
  await query("update pgboss.job set created_on = now() - interval '25 hours' where name = 'sluice.alerts'");
  const other = '0d4a1f6e-2f64-8c11-9a3e-0123456789ac';
  await router.publish(runFailed({ ...RUN, run_id: other }, ERROR));
  await router.start();
  await eventually(async () => {
    expect(await countAlerts('expired', router)).toBe(1);
    expect(await countAlerts('done', router)).toBe(1);
  });
  expect(receiver.requests.map(({ body }) => (body as { subject: string }).subject)).toEqual([other]);
  expect(await alertJobs('completed')).toBe(2);
});

test('the text for Slack', async () => {
  const router = await routers.start(functions, { ...receiver.variables, ALERT_FORMAT: 'slack' });
  await router.publish(runFailed(RUN, ERROR));
  await eventually(() => expect(receiver.requests).toHaveLength(1));
  expect(receiver.requests[0]?.body).toEqual({
    text: expect.stringContaining(`Run ${RUN_ID} of straßen #1 failed. CRS_MISSING: wege é.shp has no CRS.`) as string,
  });
});

test('an event that has been waiting for longer than the limit is reported', async () => {
  const gate = Promise.withResolvers<undefined>();
  const slow: TestFunctions = { join: { topic: 't.one', concurrency: 1, run: () => gate.promise } };
  const router = await openRouter(routers.databaseUrl, slow, receiver.variables);
  routers.stopAfterTest(router);
  for (const id of ['1', '2']) await router.publish(testEvent('t.one', id));
  await query("update pgboss.job set start_after = now() - interval '61 minutes' where name = 'join'");
  await router.start();
  await eventually(() => expect(receiver.requests).toHaveLength(1));
  expect(receiver.requests[0]?.body).toMatchObject({
    type: 'sluice.alert.work.stuck',
    subject: 'join',
    data: { function: 'join', state: 'waiting', url: expect.stringMatching(/\/ui\/functions\/join$/) as string },
  });
  gate.resolve(undefined);
});

test('nothing is stored or sent without ALERT_WEBHOOK_URL', async () => {
  const router = await startRouter(routers.databaseUrl, functions);
  await router.publish(runFailed(RUN, ERROR));
  await delivered(router);
  await router.stop();
  // The alert would be sent now if it had been stored.
  const other = await routers.start(functions, receiver.variables);
  await other.publish(testEvent('t.one', '1'));
  await eventually(() => expect(receiver.requests).toHaveLength(1));
  expect(receiver.requests[0]?.body).toMatchObject({ type: 'sluice.alert.delivery.failed' });
});
