import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { SILENT_LOG } from '#shared/log/log.ts';
import { startGateway, type TestGateway } from '../../tests/gateway.ts';
import { admitBatch } from '../../tests/fixtures/documents.ts';
import { testEnv } from '../../tests/servers.ts';
import type { SluiceEvent } from './event.ts';
import { publishEvent } from './post-event.ts';
import { runRequested } from './run-events.ts';

let gateway: TestGateway;
let url: string;
const received: SluiceEvent[] = [];
let event: SluiceEvent;
const never = new AbortController().signal;

beforeAll(async () => {
  gateway = await startGateway({
    'load-to-postgis': { topic: 'sluice.run.requested.vector', run: async (got) => void received.push(got) },
  });
  event = runRequested(await admitBatch(gateway.deps.ledger));
  url = await gateway.listen();
});
afterAll(() => gateway.stop());

const publish = (variables: Record<string, string>, signal = never) =>
  publishEvent(testEnv(variables), event, { signal, log: SILENT_LOG });

test('an event that a function publishes is delivered to its subscribers once', async () => {
  for (let time = 0; time < 2; time += 1) await publish({ SLUICE_URL: `${url}/` });
  await expect.poll(() => received).toEqual([event]);
});

test('with K_SINK, the event is posted to the broker, without the token of the gateway', async () => {
  const requests: IncomingMessage[] = [];
  const statuses = [404, 202];
  const broker = createServer((request, response) => {
    requests.push(request);
    response.writeHead(statuses.shift() ?? 500).end();
  });
  await new Promise<void>((done) => broker.listen(0, '127.0.0.1', done));
  onTestFinished(() => void broker.close());
  const { port } = broker.address() as AddressInfo;
  await publish({ SLUICE_URL: url, WEBHOOK_TOKEN: 't', K_SINK: `http://127.0.0.1:${port}/sluice/default` });
  expect(requests.map((request) => [request.url, request.headers['ce-id'], request.headers.authorization])).toEqual([
    ['/sluice/default', event.id, undefined],
    ['/sluice/default', event.id, undefined],
  ]);
});

test('reports an unreachable gateway, the error of the gateway, and an unreachable broker', async () => {
  await expect(publish({ SLUICE_URL: 'http://127.0.0.1:1' })).rejects.toMatchObject({ code: 'SLUICE_UNREACHABLE' });
  await expect(publish({ SLUICE_URL: `${url}/nowhere` })).rejects.toMatchObject({ code: 'ROUTE_NOT_FOUND' });
  const ended = AbortSignal.abort();
  await expect(publish({ K_SINK: 'http://127.0.0.1:1/ns/default' }, ended)).rejects.toMatchObject({
    code: 'BROKER_UNAVAILABLE',
    message: expect.not.stringContaining('Function') as string,
  });
});
