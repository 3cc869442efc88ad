import { expect, test } from 'vitest';
import { ERROR_CODES, type ErrorCodeName } from '#shared/errors/codes.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { isSystemFailure } from '#shared/errors/system-failure.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { testEvent } from '../../tests/fixtures/router.ts';
import { eventually, RoutersOfTest } from '../../tests/fixtures/routers-of-test.ts';

/** Errors in the input of a user end the run, and are not dead letters. */

const routers = new RoutersOfTest();
const STEP = 'sluice.run.requested.vector';
const UPLOAD = 'com.amazonaws.s3.ObjectCreated:Put';
const RUN_ENDED = 'sluice.run.failed';

/** Publishes one event, whose function fails with `code`. Returns the events of the sink and the dead letters. */
async function failWith(code: ErrorCodeName, type: string, options: { sinkFails?: boolean } = {}) {
  const sunk: SluiceEvent[] = [];
  const router = await routers.start(
    {
      f: { topic: type, run: () => Promise.reject(new SluiceError(code, 'größe.zip')) },
      'fail-run': {
        sink: true,
        run: (event) => {
          sunk.push(event);
          return options.sinkFails
            ? Promise.reject(new SluiceError('RUN_NOT_FOUND', 'There is no such run.'))
            : Promise.resolve(undefined);
        },
      },
    },
    { RETRY_LIMIT: '1' },
  );
  await router.publish(testEvent(type, '1'));
  await eventually(() => expect(sunk).toMatchObject([{ id: '1', type, knativeerrordest: 'f' }]));
  return async () => (await router.listDeadLetters()).map((letter) => `${letter.function} ${letter.error.code}`);
}

test.each(['FILE_UNREADABLE', 'CRS_MISSING', 'GEOMETRY_INVALID', 'ROWS_REJECTED'] as const)(
  'a step that fails with %s is delivered to the sink, and is no dead letter',
  async (code) => {
    const letters = await failWith(code, STEP);
    expect(await letters()).toEqual([]);
  },
);

test('a manifest that fails with MANIFEST_INVALID is delivered to the sink, and is no dead letter', async () => {
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
