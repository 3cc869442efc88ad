import { expect, test } from 'vitest';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { testEvent } from '../../tests/fixtures/router.ts';
import { eventually, RoutersOfTest } from '../../tests/fixtures/routers-of-test.ts';

const routers = new RoutersOfTest();

test('re-drives an event to the failed function only, although its id is not new', async () => {
  const calls: string[] = [];
  let broken = true;
  const router = await routers.start({
    f: {
      topic: 'a',
      run: (event) => {
        calls.push(`f ${event.id} ${event.knativeerrordest}`);
        return broken ? Promise.reject(new SluiceError('NO_GEOMETRY', 'none')) : Promise.resolve(undefined);
      },
    },
    g: {
      topic: 'a',
      run: () => {
        calls.push('g');
        return Promise.resolve(undefined);
      },
    },
  });
  await router.publish(testEvent('a', '1'));
  const first = await eventually(async () => (await router.listDeadLetters())[0] ?? expect.unreachable());
  await router.redrive(first.id);
  const second = await eventually(async () => (await router.listDeadLetters())[0] ?? expect.unreachable());
  expect(second.id).not.toBe(first.id);
  broken = false;
  await router.redrive(second.id);
  await eventually(() => expect(calls.toSorted()).toEqual(['f 1 undefined', 'f 1 undefined', 'f 1 undefined', 'g']));
  expect(await router.listDeadLetters()).toEqual([]);
});

test('discards a dead letter, and rejects an unknown id', async () => {
  const router = await routers.start({
    f: { topic: 'a', run: () => Promise.reject(new SluiceError('NO_GEOMETRY', 'none')) },
  });
  await router.publish(testEvent('a', '1'));
  const { id } = await eventually(async () => (await router.listDeadLetters())[0] ?? expect.unreachable());
  expect(await router.discard(id)).toMatchObject({ function: 'f' });
  await expect(router.discard(id)).rejects.toMatchObject({ code: 'DEAD_LETTER_NOT_FOUND' });
  await expect(router.redrive('not a uuid')).rejects.toMatchObject({ code: 'DEAD_LETTER_NOT_FOUND' });
});
