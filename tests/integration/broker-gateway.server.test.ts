import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { SluiceEvent } from '#shared/events/event.ts';
import { SILENT_LOG } from '#shared/log/log.ts';
import { startSluice } from '../../gateway/start-sluice.ts';
import {
  archived,
  type BrokerStores,
  expectOneAsset,
  notify,
  openBrokerStores,
  points,
  RUN_TIMEOUT_MS,
  upload,
} from '../fixtures/broker-installation.ts';
import { testEnv } from '../servers.ts';

/** The start, the health and the stop of a gateway that publishes its events to a broker double. */

let stores: BrokerStores;
beforeAll(async () => {
  stores = await openBrokerStores();
});
afterAll(() => stores.close());

test('a notification is rejected while the broker is unavailable, and the gateway states what is missing', async () => {
  const installation = await stores.install();
  const { url, broker } = installation;
  const get = async (path: string, method = 'GET'): Promise<[number, unknown]> => {
    const response = await fetch(`${url}${path}`, { method });
    return [response.status, await response.json()];
  };
  expect(await get('/healthz')).toEqual([
    200,
    { status: 'ok', checks: { ledger: 'ok', store: 'ok', postgis: 'ok', broker: 'ok' } },
  ]);
  expect(await get('/api/dead-letters')).toMatchObject([422, { error: { code: 'NOT_WITH_BROKER' } }]);
  expect(await get('/api/dead-letters/x/redrive', 'POST')).toMatchObject([422, { error: { code: 'NOT_WITH_BROKER' } }]);

  broker.failNext(1_000);
  const key = await upload(installation, 'warten', points(1));
  expect(await notify(installation, key)).toBe(503);
  await expect
    .poll(() => get('/healthz'))
    .toMatchObject([200, { status: 'degraded', checks: { broker: expect.stringContaining('status 500') as string } }]);
  broker.failNext(0);
  expect(await notify(installation, key)).toBe(200);
  expect(await (await fetch(`${url}/metrics`)).text()).toMatch(/sluice_events_total\{outcome="failed"\} [1-9]/);
  await expectOneAsset(installation, await archived(installation, 'warten'), 1);
});

test('a gateway starts while the broker is unavailable, and its health is degraded', async () => {
  const { url } = await stores.install({}, { K_SINK: 'http://127.0.0.1:1/sluice/default' });
  const health = async (): Promise<unknown> => (await fetch(`${url}/healthz`)).json();
  await expect.poll(health).toMatchObject({
    status: 'degraded',
    checks: { ledger: 'ok', broker: expect.stringContaining('does not respond') as string },
  });
});

test('Sluice with a router does not start with K_SINK, which its functions would use', async () => {
  const env = testEnv({ K_SINK: 'http://broker-ingress/sluice/default', PORT: '0' });
  await expect(startSluice(env, { log: SILENT_LOG })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringMatching(
      /^K_SINK is set, but `npm start` delivers events from its own queue\. Remove K_SINK/,
    ) as string,
    details: { variable: 'K_SINK' },
  });
});

test('a start publishes no waiting manifest; monitor-runs does at the event of a PingSource', async () => {
  const key = await upload(await stores.install(), 'liegt noch', points(1));
  const installation = await stores.install();
  const { broker, context } = installation;
  await notify(installation, await upload(installation, 'kommt danach', points(1)));
  await expectOneAsset(installation, await archived(installation, 'kommt danach'), 1);
  expect(broker.calls).toHaveLength(6);
  expect(await context.ledger.findManifestsByKey(key)).toEqual([]);

  const uploaded = await context.objects.head(context.env.LANDING_BUCKET, key);
  const twoMinutesLater = new Date(Date.parse(uploaded?.modified ?? '') + 120_000);
  const ping: SluiceEvent = {
    specversion: '1.0',
    id: '7b2f',
    source: '/apis/v1/namespaces/sluice/pingsources/monitor-runs',
    type: 'dev.knative.sources.ping',
    time: twoMinutesLater.toISOString(),
    datacontenttype: 'application/json',
    data: {},
  };
  expect(await broker.call('monitor-runs', ping)).toBe(200);
  await expectOneAsset(installation, await archived(installation, 'liegt noch'), 1);
});

test('stop ends the request of a notification that the broker has not answered', async () => {
  const installation = await stores.install({ respondsAfterDelivery: true });
  await stores.hold();
  const key = await upload(installation, 'halt', points(2, { wait: true }));
  const notified = notify(installation, key).catch(() => 0);
  await vi.waitFor(
    async () => {
      const [run] = await installation.context.ledger.listRuns({ batch_id: 'halt' });
      expect(run?.steps[1]?.status).toBe('running');
    },
    { timeout: RUN_TIMEOUT_MS },
  );
  await installation.sluice.stop();
  expect(await notified).not.toBe(200); // MinIO repeats the notification.
  await stores.wake();
  await expectOneAsset(installation, await archived(installation, 'halt'), 2);
});
