import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readStack } from '#shared/config/stack.ts';
import { SLUICE_VERSION, isCompatible } from '#shared/config/version.ts';
import { EVENT_SCHEMAS, type EventType, parseEventData, type SluiceEvent } from '#shared/events/event.ts';
import { readEvent, writeEvent } from '#shared/events/http.ts';
import { isUploadEvent, uploadedManifestKey } from '#shared/landing/notifications.ts';
import { openStoredLedger } from '#shared/ledger/open-ledger.ts';
import { importLedger } from '#shared/ledger/transfer/import-ledger.ts';
import { nextEvent } from '#shared/run-control/resume-run.ts';
import type { Context } from '#shared/runtime/context.ts';
import { InProcessCaller } from '#shared/runtime/in-process-caller.ts';
import { openFunctionContext } from '../function-context.ts';

/**
 * A rolling upgrade: events and documents of the release before with the functions of this release. Record new files
 * for each release, and keep those of the release before.
 */

const FOLDER = fileURLToPath(new URL('../data/release-0.1.0/', import.meta.url));
const events = readFileSync(`${FOLDER}events.jsonl`, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as SluiceEvent);
/** The run of the export whose first step is done. */
const RUN_ID = '43bce816-7d66-897c-81d7-82f70afbc59d';
const POINTS =
  '{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"id":1},' +
  '"geometry":{"type":"Point","coordinates":[1,50]}}]}';
/** As a later release could add them. */
const withAdditions = (event: SluiceEvent): SluiceEvent =>
  ({ ...event, addedlater: 'é', data: { ...(event.data as object), added_later: [1] } }) as SluiceEvent;

let context: Context & AsyncDisposable;
beforeAll(async () => {
  context = await openFunctionContext();
});
afterAll(() => context[Symbol.asyncDispose]());

test('the files are of this release or the one before; otherwise, record new ones', () => {
  const [header = ''] = readFileSync(`${FOLDER}ledger.jsonl`, 'utf8').split('\n');
  const { release } = JSON.parse(header) as { release: string };
  expect(isCompatible(release, SLUICE_VERSION), `${release} with ${SLUICE_VERSION}`).toBe(true);
});

test('an event of each type was recorded', () => {
  const types = events.map(({ type }) => type);
  expect(types).toEqual(expect.arrayContaining(Object.keys(EVENT_SCHEMAS)));
});

describe.each(events.map((event) => [event.type, event] as const))('%s of the release before', (type, event) => {
  test('is understood, with unknown attributes and data', () => {
    const { headers, body } = writeEvent(withAdditions(event));
    const received = readEvent(headers, body);
    expect(received).toMatchObject(event);
    if (type in EVENT_SCHEMAS) expect(event.data).toMatchObject(parseEventData(received, type as EventType));
    if (isUploadEvent(received)) expect(uploadedManifestKey(received, context.env)).toBe(event.subject);
  });
});

test('a run of the release before is completed, and a dead letter of it is handled', async () => {
  const stored = await openStoredLedger(context.env);
  await importLedger(`${FOLDER}ledger.jsonl`, stored, { active: true, signal: context.signal });
  await stored.close();
  const run = (await context.ledger.getRun(RUN_ID)) ?? expect.unreachable();
  await context.objects.put(
    context.env.LANDING_BUCKET,
    run.manifest.files[0]?.path.split('/').slice(3).join('/') ?? '',
    POINTS,
  );
  const stack = await readStack();
  const caller = new InProcessCaller(context, { stack });
  const types: string[] = [];
  for (let event = nextEvent(run); event !== undefined;) {
    types.push(event.type);
    const [name = ''] = stack.subscribers(event.type);
    event = await caller.invoke(name, withAdditions(event), { signal: context.signal });
  }
  // The tables of the first step are not in this PostGIS, so the run starts again.
  expect(types).toEqual([
    'sluice.table.loaded',
    'sluice.run.requested.vector',
    'sluice.table.loaded',
    'sluice.table.ready',
    'sluice.asset.exported',
    'sluice.run.succeeded',
  ]);
  expect(await context.ledger.getRun(RUN_ID)).toMatchObject({ status: 'success', restarts: 1 });
  const deadLetter = events.find((event) => event.knativeerrordest !== undefined) ?? expect.unreachable();
  const failed = events.find(({ type }) => type === 'sluice.run.failed');
  expect(await caller.invoke('fail-run', deadLetter, { signal: context.signal })).toMatchObject({ id: failed?.id });
});
