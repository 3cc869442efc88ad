import { expect, test } from 'vitest';
import { WorkerDeath } from '#shared/runtime/function-caller.ts';
import { testEvent } from '../../tests/fixtures/router.ts';
import { eventually, RoutersOfTest } from '../../tests/fixtures/routers-of-test.ts';

const routers = new RoutersOfTest();

test('an event whose process ends is called alone, and becomes a dead letter after the third end', async () => {
  const calls: string[] = [];
  const sunk: unknown[] = [];
  const router = await routers.start({
    parse: {
      topic: 'file',
      run: (event, { alone }) => {
        calls.push(`${event.id} ${alone ? 'alone' : 'shared'}`);
        // The second event ends with the process of the first one, and is executed when it is called alone.
        if (event.id === 'bomb' || !alone)
          return Promise.reject(new WorkerDeath('parse', 'frozen', 'it did not respond for 10 s and was stopped'));
        return Promise.resolve(undefined);
      },
    },
    sink: {
      sink: true,
      run: (event) => {
        sunk.push([event.id, event.knativeerrordest]);
        return Promise.resolve(undefined);
      },
    },
  });
  await router.publish(testEvent('file', 'bomb'));
  await router.publish(testEvent('file', 'other'));
  await eventually(() => expect(sunk).toEqual([['bomb', 'parse']]));
  await eventually(() => expect(calls).toHaveLength(5));
  expect(calls.filter((call) => call.startsWith('bomb'))).toEqual(['bomb shared', 'bomb alone', 'bomb alone']);
  expect(calls.filter((call) => call.startsWith('other'))).toEqual(['other shared', 'other alone']);
  expect(await router.listDeadLetters()).toMatchObject([
    {
      function: 'parse',
      attempts: 1,
      event: { id: 'bomb' },
      error: {
        code: 'WORKER_DIED',
        message: 'The process of parse ended 3 times during this step: it did not respond for 10 s and was stopped.',
        details: { function: 'parse', reason: 'frozen', deaths: 3 },
      },
    },
  ]);
});
