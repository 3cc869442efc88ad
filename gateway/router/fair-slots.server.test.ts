import { expect, test } from 'vitest';
import type { SluiceEvent } from '#shared/events/event.ts';
import { eventually, RoutersOfTest } from '../../tests/fixtures/routers-of-test.ts';
import { testEvent } from '../../tests/fixtures/router.ts';

const routers = new RoutersOfTest();
const LIMIT = { SMALL_INPUT_BYTES: '1000' };

const sized = (id: string, bytes: number): SluiceEvent => ({ ...testEvent('a', id), inputbytes: String(bytes) });
const large = (id: string) => sized(id, 1001);
const small = (id: string) => sized(id, 1000);

/** A function that records the ids of its events, and that blocks on the ids which `isBlocking` selects. */
function recorder(isBlocking: (id: string) => boolean) {
  const called: string[] = [];
  const unblocked = Promise.withResolvers<undefined>();
  return {
    called,
    unblock: () => unblocked.resolve(undefined),
    run: ({ id }: SluiceEvent) => {
      called.push(id);
      return isBlocking(id) ? unblocked.promise : Promise.resolve(undefined);
    },
  };
}

test('delivers small inputs while large ones occupy all slots, in their order', async () => {
  const { called, run, unblock } = recorder((id) => id.startsWith('large'));
  const router = await routers.start({ f: { topic: 'a', concurrency: 2, smallConcurrency: 1, run } }, LIMIT);
  for (const id of ['large 1', 'large 2', 'large 3']) await router.publish(large(id));
  await router.publish(testEvent('a', 'large, of unknown size'));
  for (const id of ['small 1', 'small 2', 'small 3']) await router.publish(small(id));
  await eventually(() => expect(called.toSorted()).toEqual(['large 1', 'large 2', 'small 1', 'small 2', 'small 3']));
  expect(called.filter((id) => id.startsWith('small'))).toEqual(['small 1', 'small 2', 'small 3']);
  unblock();
  await eventually(() => expect(called).toHaveLength(7));
  expect(called.filter((id) => id.startsWith('large'))).toEqual([
    'large 1',
    'large 2',
    'large 3',
    'large, of unknown size',
  ]);
});

test('delivers large inputs while small ones occupy all slots', async () => {
  const { called, run, unblock } = recorder((id) => id.startsWith('small'));
  const router = await routers.start({ f: { topic: 'a', concurrency: 1, smallConcurrency: 1, run } }, LIMIT);
  for (const id of ['small 1', 'small 2']) await router.publish(small(id));
  await eventually(() => expect(called).toEqual(['small 1']));
  for (const id of ['large 1', 'large 2']) await router.publish(large(id));
  await eventually(() => expect(called).toEqual(['small 1', 'large 1', 'large 2']));
  unblock();
  await eventually(() => expect(called).toHaveLength(4));
});

test('a function without slots for small inputs receives all inputs in the order of publication', async () => {
  const { called, run, unblock } = recorder((id) => id === '1');
  const router = await routers.start({ f: { topic: 'a', concurrency: 1, run } }, LIMIT);
  await router.publish(large('1'));
  await eventually(() => expect(called).toEqual(['1']));
  for (const event of [large('2'), small('3'), large('4')]) await router.publish(event);
  unblock();
  await eventually(() => expect(called).toEqual(['1', '2', '3', '4']));
});

test('the reply of a function is delivered by the size of its input', async () => {
  const { called, run, unblock } = recorder((id) => id.startsWith('large'));
  const router = await routers.start(
    {
      first: { topic: 'request', run: (event) => Promise.resolve({ ...event, type: 'a' }) },
      second: { topic: 'a', concurrency: 1, smallConcurrency: 1, run },
    },
    LIMIT,
  );
  await router.publish({ ...large('large 1'), type: 'request' });
  await eventually(() => expect(called).toEqual(['large 1']));
  await router.publish({ ...small('small 1'), type: 'request' });
  await eventually(() => expect(called).toEqual(['large 1', 'small 1']));
  unblock();
});
