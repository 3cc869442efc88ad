import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { SILENT_LOG } from '#shared/log/log.ts';
import { testEvent } from '../../tests/fixtures/router.ts';
import { BrokerPublisher } from './broker-publisher.ts';

/** The statuses of the next responses; 0 closes the connection. Then 202. */
let statuses: number[] = [];
let received: { id: string | undefined; body: string }[] = [];
let server: Server;
let url: URL;

beforeEach(async () => {
  [statuses, received] = [[], []];
  server = createServer((request, response) => {
    const status = statuses.shift() ?? 202;
    if (status === 0) return void request.socket.destroy();
    void (async () => {
      const body = (await request.toArray()).join('');
      if (status < 300) received.push({ id: request.headers['ce-id'] as string | undefined, body });
      response.writeHead(status).end();
    })();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/sluice/default`);
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const open = () => new BrokerPublisher({ url, log: SILENT_LOG, retryDelaysMs: [1, 1, 1] });
const event = testEvent('sluice.run.succeeded', 'a');

test.each([[[500, 503, 500]], [[0, 0, 0]], [[404, 429, 500]]])(
  'posts the event again until the broker accepts it: %j',
  async (failures) => {
    statuses = failures;
    await open().publish(event);
    expect(received).toEqual([{ id: 'a', body: JSON.stringify(event.data) }]);
  },
);

test.each([
  [[500, 500, 500, 503], 'status 503', 503],
  [[0, 0, 0, 0], 'no response (ECONNRESET)', undefined],
])('fails with BROKER_UNAVAILABLE after the last retry: %j', async (failures, reason, status) => {
  statuses = failures;
  await expect(open().publish(event)).rejects.toMatchObject({
    code: 'BROKER_UNAVAILABLE',
    message: expect.stringContaining(`The broker at ${url.href} did not accept the event: ${reason}`) as string,
    details: { url: url.href, ...(status === undefined ? {} : { status }) },
    retryable: true,
  });
  expect(received).toEqual([]);
});

test('posts a repeat only if the event was not accepted, and counts both', async () => {
  const publisher = open();
  statuses = [500, 500, 500, 500];
  await expect(publisher.publish(event)).rejects.toThrow();
  await Promise.all([publisher.publish(event), publisher.publish(event)]);
  expect(received).toHaveLength(1);
  const counts = await publisher.registry.getSingleMetricAsString('sluice_events_total');
  expect(counts.match(/outcome="\w+"\} \d+/g)?.toSorted()).toEqual([
    'outcome="added"} 1',
    'outcome="failed"} 1',
    'outcome="repeat"} 1',
  ]);
});

test('starts while the broker is unreachable', async () => {
  url = new URL('http://127.0.0.1:1/sluice/default');
  const publisher = open();
  await publisher.start();
  await expect(publisher.ping()).rejects.toMatchObject({
    code: 'BROKER_UNAVAILABLE',
    message: expect.stringMatching(/does not respond: no response \(\S.*\)\.$/) as string,
  });
});

test.each([200, 405])('ping accepts a broker that responds to OPTIONS with %i', async (status) => {
  statuses = [status];
  await expect(open().ping()).resolves.toBeUndefined();
});

test.each([404, 503])('ping fails if the broker responds to OPTIONS with %i', async (status) => {
  statuses = [status];
  await expect(open().ping()).rejects.toMatchObject({
    code: 'BROKER_UNAVAILABLE',
    message: `The broker at ${url.href} is not ready: status ${status}.`,
  });
});

test('ping reports a failed post until a post succeeds, and for five minutes at most', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: 0 });
  onTestFinished(() => void vi.useRealTimers());
  const publisher = open();
  const fail = async () => {
    statuses = [404, 404, 404, 404];
    await expect(publisher.publish(event)).rejects.toThrow();
  };
  await fail();
  vi.setSystemTime(299_000);
  await expect(publisher.ping()).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE', details: { status: 404 } });
  vi.setSystemTime(300_000);
  await publisher.ping();
  await fail();
  await publisher.publish(event);
  await publisher.ping();
});

test('stop ends the retries', async () => {
  const publisher = new BrokerPublisher({ url, log: SILENT_LOG, retryDelaysMs: [600_000] });
  statuses = [500, 500];
  const publishing = publisher.publish(event);
  await publisher.stop();
  await expect(publishing).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' });
});

test('requests that need a queue are NOT_WITH_BROKER', async () => {
  const publisher = open();
  const requests = [
    publisher.listDeadLetters(),
    publisher.getDeadLetter(),
    publisher.redrive(),
    publisher.discard(),
    publisher.publishTo('archive'),
  ];
  for (const request of requests) await expect(request).rejects.toMatchObject({ code: 'NOT_WITH_BROKER' });
});
