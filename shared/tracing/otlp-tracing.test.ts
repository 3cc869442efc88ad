import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { type OtlpReceiver, startOtlpReceiver } from '../../tests/fixtures/otlp-receiver.ts';
import { openTracing } from './open-tracing.ts';
import { describeSpan, inChildSpan, inSpan, isTraceparent, type Tracing } from './tracing.ts';

const PARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
let receiver: OtlpReceiver;
let lines: { msg: string; level: number }[];
beforeEach(async () => {
  receiver = await startOtlpReceiver();
  lines = [];
});
afterEach(() => receiver[Symbol.asyncDispose]());

async function open(headers?: string): Promise<Tracing> {
  const log = pino({}, { write: (line) => void lines.push(JSON.parse(line) as (typeof lines)[number]) });
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: `${receiver.url}/`, OTEL_EXPORTER_OTLP_HEADERS: headers };
  return (await openTracing(env, 'sluice-test é', log)) ?? expect.unreachable();
}

test('is off without an endpoint, and work without a span is only executed', async () => {
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: undefined, OTEL_EXPORTER_OTLP_HEADERS: undefined };
  expect(await openTracing(env, 'sluice', pino({ level: 'silent' }))).toBeUndefined();
  describeSpan({ ignored: 1 });
  expect(await inChildSpan('ignored', {}, async (span) => span)).toBeUndefined();
});

test('spans have their parent, also of another process, and are sent with the headers when tracing closes', async () => {
  const tracing = await open('authorization=Bearer%20a%3Db,x-scope=gis');
  await inSpan(tracing, 'step', { kind: 'consumer', parent: PARENT }, async () => {
    describeSpan({ 'sluice.step': 'join é', 'sluice.attempt': 2, share: 0.5, done: true, missing: undefined });
    await Promise.all(['a', 'b'].map((name) => inChildSpan(name, {}, async () => undefined)));
  });
  await tracing.close();
  const [step, ...children] = receiver.spans.toSorted((a, b) => b.name.localeCompare(a.name));
  expect(step).toMatchObject({
    service: 'sluice-test é',
    name: 'step',
    kind: 5,
    traceId: PARENT.split('-')[1],
    parentSpanId: PARENT.split('-')[2],
    attributes: { 'sluice.step': 'join é', 'sluice.attempt': 2, share: 0.5, done: true },
    status: { code: 0 },
  });
  expect(step?.attributes).not.toHaveProperty('missing');
  expect(children.map(({ name, traceId, parentSpanId }) => [name, traceId, parentSpanId])).toEqual([
    ['b', step?.traceId, step?.spanId],
    ['a', step?.traceId, step?.spanId],
  ]);
  expect(receiver.requests[0]).toMatchObject({
    path: '/v1/traces',
    headers: { authorization: 'Bearer a=b', 'x-scope': 'gis', 'content-type': 'application/x-protobuf' },
  });
});

test('an error is thrown, and its span has the code and the message', async () => {
  const tracing = await open();
  const failing = inSpan(tracing, 'step', {}, async () => {
    throw new SluiceError('CRS_MISSING', 'wege é.shp has no CRS.');
  });
  await expect(failing).rejects.toMatchObject({ code: 'CRS_MISSING' });
  await tracing.close();
  expect(receiver.spans).toMatchObject([
    { attributes: { 'error.type': 'CRS_MISSING' }, status: { code: 2, message: 'wege é.shp has no CRS.' } },
  ]);
});

test('a span that begins a trace has a valid traceparent, and one of an unsampled trace is not sent', async () => {
  const tracing = await open();
  const root = tracing.start('root', { startedAt: new Date('2026-01-02T03:04:05.678Z'), parent: 'not valid' });
  expect(isTraceparent(root.traceparent)).toBe(true);
  root.end();
  tracing.start('unsampled', { parent: PARENT.replace(/01$/, '00') }).end();
  tracing.start('not ended');
  await tracing.close();
  expect(receiver.spans.map(({ name }) => name)).toEqual(['root']);
  expect(receiver.spans[0]).toMatchObject({ parentSpanId: '', startedAt: 1_767_323_045_678_000_000n });
});

test.each([
  '',
  '00-0-0-01',
  `${PARENT}-x`,
  PARENT.replace('4bf92f3577b34da6a3ce929d0e0e4736', '0'.repeat(32)),
  undefined,
])('the traceparent %j is not valid', (text) => expect(isTraceparent(text)).toBe(false));

test('a collector that rejects spans causes one warning, and no error', async () => {
  receiver.status = 400;
  const tracing = await open();
  for (let batch = 0; batch < 3; batch += 1) {
    const { length } = receiver.requests;
    for (let span = 0; span < 512; span += 1) tracing.start('span').end(); // A full batch is sent at once.
    await expect.poll(() => receiver.requests.length).toBeGreaterThan(length);
  }
  await tracing.close();
  expect(lines).toMatchObject([{ msg: 'Trace:Export:Failed', level: 40, spans: 512 }]);
});

test('closing does not wait for a collector that does not respond', async () => {
  const tracing = await open();
  tracing.start('span').end();
  await receiver[Symbol.asyncDispose]();
  await expect(tracing.close()).resolves.toBeUndefined();
});
