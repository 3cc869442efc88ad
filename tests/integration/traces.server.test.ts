import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { RunDocument } from '#shared/ledger/documents.ts';
import { isArchived } from '#shared/run-control/resume-run.ts';
import { type Batch, uploadBatch, VECTOR } from '../faults/batches.ts';
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from '../fixtures/otlp-receiver.ts';
import { startTestSluice, type TestSluice } from '../running-sluice.ts';

/** The traces of runs, as a collector receives them from the gateway and the process of the functions. */

const FUNCTIONS = [
  'validate-manifest',
  'load-to-postgis',
  'transform-recipe',
  'export-geoparquet',
  'record-lineage',
  'archive',
];
/** Points without a CRS. */
const WITHOUT_CRS: Batch = {
  ...VECTOR,
  files: [{ name: 'tore é.csv', body: 'name;x;y\na;1;2\n', type: 'vector', format: 'CSV' }],
};
const KIND_PRODUCER = 4;
const RUN_LIMITS = { timeout: 120_000, interval: 100 };
const STATUS_ERROR = 2;

let receiver: OtlpReceiver;
let sluice: TestSluice;
const runs = new Map<string, RunDocument>();
let rerunId: string;
beforeAll(async () => {
  receiver = await startOtlpReceiver();
  sluice = await startTestSluice({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });
  for (const [batchId, batch] of [
    ['laender', VECTOR],
    ['ohne-crs', WITHOUT_CRS],
  ] as const) {
    await uploadBatch(batch, batchId, batchId, sluice.context);
    runs.set(batchId, await archivedRun(batchId, 1));
  }
  const url = `${sluice.url}/api/runs/${runs.get('laender')?.run_id}/rerun`;
  const headers = { 'content-type': 'application/json' };
  const reply = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ force: true }) });
  rerunId = ((await reply.json()) as { run_id: string }).run_id;
  await archivedRun('laender', 2);
  await sluice[Symbol.asyncDispose](); // Sends the last spans.
}, 400_000);
afterAll(() => receiver[Symbol.asyncDispose]());

async function archivedRun(batchId: string, count: number): Promise<RunDocument> {
  const listed = () => sluice.context.ledger.listRuns({ batch_id: batchId });
  await vi.waitUntil(async () => (await listed()).filter(isArchived).length === count, RUN_LIMITS);
  return (await listed())[0]!;
}

/** The spans of the trace that begins with a span of this name and attribute. */
function traceOf(rootName: string, attribute: string, value: unknown): ReceivedSpan[] {
  const roots = receiver.spans.filter(({ name, attributes }) => name === rootName && attributes[attribute] === value);
  expect(roots).toHaveLength(1);
  return receiver.spans.filter(({ traceId }) => traceId === roots[0]?.traceId);
}

/** The spans of a trace by name, with the span that each has as its parent. */
function treeOf(trace: ReceivedSpan[]) {
  const byId = new Map(trace.map((span) => [span.spanId, span]));
  return {
    spansOf: (name: string) => trace.filter((span) => span.name === name),
    parentOf: (span: ReceivedSpan | undefined) => byId.get(span?.parentSpanId ?? ''),
  };
}

test('a run is one trace from the upload to the archive, of the gateway and the functions', () => {
  const trace = traceOf('upload', 'aws.s3.key', 'manifests/laender.json');
  const { spansOf, parentOf } = treeOf(trace);
  const [root, ...others] = trace.filter((span) => parentOf(span) === undefined);
  expect(others).toEqual([]);
  expect(root).toMatchObject({ name: 'upload', service: 'sluice-gateway', parentSpanId: '', kind: KIND_PRODUCER });
  expect(new Set(trace.map(({ service }) => service))).toEqual(new Set(['sluice-gateway', 'sluice-functions']));
  expect(runs.get('laender')?.traceparent).toBe(`00-${root?.traceId}-${root?.spanId}-01`);
  for (const name of FUNCTIONS) {
    const [call, ...repeated] = spansOf(name);
    expect([name, repeated]).toEqual([name, []]);
    expect(call).toMatchObject({ service: 'sluice-functions', status: { code: 0 } });
    const delivery = parentOf(call);
    expect(delivery).toMatchObject({
      name: `deliver ${name}`,
      service: 'sluice-gateway',
      attributes: { 'faas.invoked_name': name, 'sluice.attempt': 1, 'sluice.outcome': 'done' },
    });
    expect(parentOf(delivery)).toBe(root);
    expect(call!.startedAt).toBeGreaterThanOrEqual(delivery!.startedAt);
  }
  const failed = trace.filter(({ status }) => status.code === STATUS_ERROR);
  expect(failed.map(({ attributes }) => attributes['error.type'])).toEqual(failed.map(() => 'FILE_MISSING'));
  // archive reads the copy of the manifest, which does not exist before.
  expect(new Set(failed.map(({ name }) => name))).toEqual(new Set(['s3 get']));
});

test('a step has its run, and the programs, recipe steps and transfers as children', () => {
  const { spansOf, parentOf } = treeOf(traceOf('upload', 'aws.s3.key', 'manifests/laender.json'));
  const [step] = spansOf('transform-recipe');
  expect(step?.attributes).toMatchObject({
    'sluice.run_id': runs.get('laender')?.run_id,
    'sluice.dataset_id': 'laender',
    'sluice.lane': 'vector',
    'sluice.step': 'transform-recipe',
    'sluice.attempt': 1,
  });
  const [recipeStep] = spansOf('MakeValid');
  expect(parentOf(recipeStep)).toBe(step);
  expect(recipeStep?.attributes).toMatchObject({ 'db.system.name': 'postgresql' });
  const [download] = spansOf('s3 download');
  expect(parentOf(download)?.name).toBe('load-to-postgis');
  const size = VECTOR.files[0]!.body.length;
  expect(download?.attributes).toMatchObject({ 'aws.s3.key': 'laender/länder #1.zip', 'sluice.bytes': size });
  expect(parentOf(spansOf('s3 upload')[0])?.name).toBe('export-geoparquet');
  expect(spansOf('ogrinfo').map((span) => parentOf(span)?.name)).toContain('load-to-postgis');
});

test('the span of a failed step has the code of its error, and its trace also ends with the archive', () => {
  const { spansOf } = treeOf(traceOf('upload', 'aws.s3.key', 'manifests/ohne-crs.json'));
  const { error, run_id } = runs.get('ohne-crs')!;
  for (const name of ['load-to-postgis', 'deliver load-to-postgis'])
    expect(spansOf(name)).toMatchObject([
      { status: { code: STATUS_ERROR, message: error?.message }, attributes: { 'error.type': error?.code } },
    ]);
  expect(spansOf('fail-run')).toHaveLength(1);
  expect(spansOf('archive')).toMatchObject([{ status: { code: 0 }, attributes: { 'sluice.run_id': run_id } }]);
});

test('a rerun has a trace of its own', () => {
  const trace = traceOf('rerun', 'sluice.rerun_of', runs.get('laender')?.run_id);
  const { spansOf } = treeOf(trace);
  for (const name of FUNCTIONS.slice(1))
    expect(spansOf(name)).toMatchObject([{ attributes: { 'sluice.run_id': rerunId, 'sluice.attempt': 1 } }]);
});

test('every span has ended, and belongs to a run', () => {
  for (const { startedAt, endedAt } of receiver.spans) expect(endedAt).toBeGreaterThanOrEqual(startedAt);
  expect(new Set(receiver.spans.map(({ traceId }) => traceId)).size).toBe(3);
  expect(receiver.spans.map(({ name }) => name)).not.toContain('monitor-runs');
});
