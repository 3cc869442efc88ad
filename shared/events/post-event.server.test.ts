import { afterAll, beforeAll, expect, test } from 'vitest';
import { startGateway, type TestGateway } from '../../tests/gateway.ts';
import { admitBatch } from '../../tests/fixtures/documents.ts';
import { testEnv } from '../../tests/servers.ts';
import type { SluiceEvent } from './event.ts';
import { eventSink, postEvent } from './post-event.ts';
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

test('an event that a function posts is delivered to its subscribers once', async () => {
  for (let time = 0; time < 2; time += 1) await postEvent(eventSink(testEnv({ SLUICE_URL: `${url}/` })), event, never);
  await expect.poll(() => received).toEqual([event]);
});

test('the sink is the broker in K_SINK, else the gateway', () => {
  const gatewayVariables = { SLUICE_URL: 'http://gateway:8080', WEBHOOK_TOKEN: 't' };
  expect(eventSink(testEnv({ ...gatewayVariables, K_SINK: 'http://broker.knative/ns/default' }))).toEqual({
    url: new URL('http://broker.knative/ns/default'),
  });
  expect(eventSink(testEnv(gatewayVariables))).toEqual({ url: new URL('http://gateway:8080/events'), token: 't' });
  expect(eventSink(testEnv({ PORT: '8081' })).url.href).toBe('http://127.0.0.1:8081/events');
});

test('reports an unreachable sink and the error of the sink', async () => {
  await expect(postEvent({ url: new URL('http://127.0.0.1:1/events') }, event, never)).rejects.toMatchObject({
    code: 'SLUICE_UNREACHABLE',
  });
  await expect(postEvent({ url: new URL(`${url}/nowhere`) }, event, never)).rejects.toMatchObject({
    code: 'ROUTE_NOT_FOUND',
  });
});
