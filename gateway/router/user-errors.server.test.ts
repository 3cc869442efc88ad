import { afterAll, beforeAll, expect, test } from 'vitest';
import { ERROR_CODES, type ErrorCodeName } from '#shared/errors/codes.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { isSystemFailure } from '#shared/errors/system-failure.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { startRouter, testEvent, type TestFunctions } from '../../tests/fixtures/router.ts';
import { eventually } from '../../tests/fixtures/routers-of-test.ts';
import { createDatabase } from '../../tests/servers.ts';
import type { Router } from './router.ts';

/** Errors in the input of a user end the run, and are not kept as dead letters. */

const STEP = 'sluice.run.requested.vector';
const UPLOAD = 'com.amazonaws.s3.ObjectCreated:Put';
const RUN_ENDED = 'sluice.run.failed';

/** The data of an event: the error of the function that receives it, and whether the sink fails then. */
interface Failure {
  code: ErrorCodeName;
  sinkFails: boolean;
}

let database: Awaited<ReturnType<typeof createDatabase>>;
let router: Router;
const sunk: SluiceEvent[] = [];
beforeAll(async () => {
  database = await createDatabase();
  const functions: TestFunctions = {
    f: {
      topic: [STEP, UPLOAD, RUN_ENDED].join(),
      run: ({ data }) => Promise.reject(new SluiceError((data as Failure).code, 'größe.zip')),
    },
    'fail-run': {
      sink: true,
      run: (event) => {
        sunk.push(event);
        return (event.data as Failure).sinkFails
          ? Promise.reject(new SluiceError('RUN_NOT_FOUND', 'There is no such run.'))
          : Promise.resolve(undefined);
      },
    },
  };
  router = await startRouter(database.url, functions, { RETRY_LIMIT: '1' });
});
afterAll(async () => {
  await router.stop();
  await database.drop();
});

/** Publishes one event, whose function fails with `code`. Returns a function that lists the dead letters of it. */
async function failWith(code: ErrorCodeName, type: string, { sinkFails = false } = {}) {
  const id = `${type} ${code} ${sinkFails}`;
  await router.publish(testEvent(type, id, { code, sinkFails } satisfies Failure));
  await eventually(() =>
    expect(sunk).toContainEqual(expect.objectContaining({ id, type, knativeerrordest: 'f' }) as unknown),
  );
  return async () =>
    (await router.listDeadLetters())
      .filter(({ event }) => event.id === id)
      .map((letter) => `${letter.function} ${letter.error.code}`);
}

test.each(['FILE_UNREADABLE', 'CRS_MISSING', 'GEOMETRY_INVALID', 'ROWS_REJECTED'] as const)(
  'a step that fails with %s is delivered to the sink, and is not kept as a dead letter',
  async (code) => {
    const letters = await failWith(code, STEP);
    expect(await letters()).toEqual([]);
  },
);

test('a manifest that fails with MANIFEST_INVALID is delivered to the sink, and is not kept as a dead letter', async () => {
  expect(await (await failWith('MANIFEST_INVALID', UPLOAD))()).toEqual([]);
});

test.each(['STORE_DENIED', 'WORKER_DIED', 'STORE_UNAVAILABLE', 'INTERNAL'] as const)(
  'a step that fails with %s is also kept as a dead letter',
  async (code) => {
    expect(await (await failWith(code, STEP))()).toEqual([`f ${code}`]);
  },
);

test('an event that ends no run is kept, because only the dead letter shows its error', async () => {
  expect(await (await failWith('REQUEST_INVALID', RUN_ENDED))()).toEqual(['f REQUEST_INVALID']);
});

test('an event whose failure the sink cannot record is kept', async () => {
  const letters = await failWith('CRS_MISSING', STEP, { sinkFails: true });
  await eventually(async () => expect(await letters()).toEqual(['fail-run RUN_NOT_FOUND']));
});

test('every transient error is a failure of the system; errors in files and manifests are not', () => {
  const codes = Object.keys(ERROR_CODES) as ErrorCodeName[];
  expect(codes.filter((code) => ERROR_CODES[code].retryable && !isSystemFailure(code))).toEqual([]);
  const ofInput = codes.filter((code) => /^(MANIFEST|FILE|FORMAT|ARCHIVE|LAYER|CRS|JOIN)_/.test(code));
  expect(ofInput.filter((code) => isSystemFailure(code))).toEqual([]);
});
