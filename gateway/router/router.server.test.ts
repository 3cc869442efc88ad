import pg from 'pg';
import { describe, expect, test, vi } from 'vitest';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { openRouter, testEvent } from '../../tests/fixtures/router.ts';
import { eventually, RoutersOfTest } from '../../tests/fixtures/routers-of-test.ts';
import { PGBOSS_SCHEMA } from './pgboss-queries.ts';

const routers = new RoutersOfTest();
const start: RoutersOfTest['start'] = (functions, variables) => routers.start(functions, variables);

/** Jobs are found only by wake-ups. Call it before the router starts. */
function disablePolling(): void {
  vi.spyOn(globalThis, 'setInterval').mockReturnValue(undefined as never);
}

/** The times of the only job that is executed. */
async function activeJob(): Promise<{ started_on: Date; start_after: Date }> {
  const client = new pg.Client({ connectionString: routers.databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query(
      `select started_on, start_after from ${PGBOSS_SCHEMA}.job where state = 'active'`,
    );
    return rows[0] as { started_on: Date; start_after: Date };
  } finally {
    await client.end();
  }
}

describe('publishing', () => {
  test('delivers an event to every subscribed function, and publishes the replies', async () => {
    const seen: string[] = [];
    const note = (name: string, reply?: SluiceEvent) => (event: SluiceEvent) => {
      seen.push(`${name} ${event.id}`);
      return Promise.resolve(reply);
    };
    const router = await start({
      first: { topic: 'a', run: note('first', testEvent('b', 'b-1')) },
      second: { topic: 'a,b', run: note('second') },
      third: { topic: 'c', run: note('third') },
    });
    await router.publish(testEvent('a', 'a-1'));
    await eventually(() => expect(seen.toSorted()).toEqual(['first a-1', 'second a-1', 'second b-1']));
  });

  test('delivers the event unchanged', async () => {
    const received = Promise.withResolvers<SluiceEvent>();
    const router = await start({
      f: {
        topic: 'a',
        run: (event) => {
          received.resolve(event);
          return Promise.resolve(undefined);
        },
      },
    });
    const event = {
      ...testEvent('a', 'é/#', { größe: [1.5, null, '2010', { select: true }] }),
      subject: 'ü',
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    };
    await router.publish(event);
    expect(await received.promise).toEqual(event);
  });

  test('delivers an event once that is published a thousand times, even after its delivery has ended', async () => {
    let calls = 0;
    const router = await start({
      f: {
        topic: 'a',
        run: () => {
          calls += 1;
          return Promise.resolve(undefined);
        },
      },
    });
    await router.publish(testEvent('a', 'same'));
    await eventually(() => expect(calls).toBe(1));
    await Promise.all(
      Array.from({ length: 999 }, () => router.publish({ ...testEvent('a', 'same'), time: new Date().toISOString() })),
    );
    await router.publish(testEvent('a', 'last'));
    await eventually(() => expect(calls).toBe(2));
    expect(await router.registry.getSingleMetricAsString('sluice_events_total')).toContain('outcome="repeat"} 999');
  });

  test('accepts an event without subscribers, and rejects one that cannot be stored', async () => {
    const router = await start({ f: { topic: 'a', run: () => Promise.resolve(undefined) } });
    await router.publish(testEvent('unknown', '1'));
    await expect(router.publish(testEvent('a', '1', 'NUL \0'))).rejects.toMatchObject({ code: 'EVENT_INVALID' });
  });

  test('distributes deliveries over two routers of a database, which wake each other', async () => {
    const seen = { a: 0, b: 0 };
    const blocked = Promise.withResolvers<undefined>();
    disablePolling();
    await start({
      f: {
        topic: 't',
        concurrency: 1,
        run: () => {
          seen.a += 1;
          return blocked.promise;
        },
      },
    });
    const other = await openRouter(routers.databaseUrl, {
      f: { topic: 't', concurrency: 1, run: () => Promise.resolve(undefined) },
    });
    routers.stopAfterTest(other); // Not started, so it only publishes.
    await other.publish(testEvent('t', '1'));
    await eventually(() => expect(seen.a).toBe(1));
    await start({
      f: {
        topic: 't',
        concurrency: 1,
        run: () => {
          seen.b += 1;
          return Promise.resolve(undefined);
        },
      },
    });
    await other.publish(testEvent('t', '2'));
    await eventually(() => expect(seen).toEqual({ a: 1, b: 1 }));
    blocked.resolve(undefined);
  });

  test('runs at most `sluice.concurrency` calls of a function at the same time', async () => {
    let running = 0;
    let most = 0;
    let done = 0;
    const three = Promise.withResolvers<void>();
    const router = await start({
      f: {
        topic: 'a',
        concurrency: 3,
        run: async () => {
          most = Math.max(most, (running += 1));
          if (running === 3) three.resolve();
          await three.promise;
          running -= 1;
          done += 1;
          return undefined;
        },
      },
    });
    await Promise.all(Array.from({ length: 40 }, (_, i) => router.publish(testEvent('a', String(i)))));
    await eventually(() => expect(done).toBe(40));
    expect(most).toBe(3);
  });
});

describe('errors', () => {
  test('retries after a transient error when the growing delay has passed', async () => {
    const calls: { started_on: Date; start_after: Date }[] = [];
    disablePolling();
    const router = await start({
      f: {
        topic: 'a',
        run: async () => {
          calls.push(await activeJob());
          if (calls.length < 3) throw new SluiceError('STORE_UNAVAILABLE', 'unavailable');
          return undefined;
        },
      },
    });
    await router.publish(testEvent('a', '1'));
    await eventually(() => expect(calls).toHaveLength(3));
    const [first, second, third] = calls.map(({ started_on, start_after }) => {
      expect(started_on.getTime()).toBeGreaterThanOrEqual(start_after.getTime());
      return { started: started_on.getTime(), due: start_after.getTime() };
    });
    // 1 s and 2 s, of which the jitter takes at most a quarter. PostgreSQL sets all times.
    expect(second!.due - first!.started).toBeGreaterThanOrEqual(750);
    expect(third!.due - second!.started).toBeGreaterThanOrEqual(1_500);
    expect(await router.listDeadLetters()).toEqual([]);
  });

  test('calls a busy step again without counting an attempt', async () => {
    let calls = 0;
    const router = await start(
      {
        f: {
          topic: 'a',
          run: () => {
            calls += 1;
            return calls < 4
              ? Promise.reject(new SluiceError('STEP_BUSY', 'held', { retryAfterSeconds: 0.1 }))
              : Promise.resolve(undefined);
          },
        },
      },
      { RETRY_LIMIT: '1' },
    );
    await router.publish(testEvent('a', '1'));
    await eventually(() => expect(calls).toBe(4));
    expect(await router.listDeadLetters()).toEqual([]);
  });

  test('stores a dead letter immediately after a permanent error, and delivers it to the sink once', async () => {
    const letters: SluiceEvent[] = [];
    const replies: string[] = [];
    const router = await start({
      f: {
        topic: 'a',
        run: () => Promise.reject(new SluiceError('CRS_MISSING', 'no CRS\0', { details: { file: 'a b#é.shp' } })),
      },
      'fail-run': {
        sink: true,
        run: (event) => {
          letters.push(event);
          return Promise.resolve(testEvent('failed', 'x'));
        },
      },
      archive: {
        topic: 'failed',
        run: (event) => {
          replies.push(event.id);
          return Promise.resolve(undefined);
        },
      },
    });
    await router.publish(testEvent('a', '1'));
    await eventually(() => expect(replies).toEqual(['x']));
    expect(letters).toHaveLength(1);
    expect(letters[0]).toMatchObject({
      id: '1',
      type: 'a',
      knativeerrordest: 'f',
      knativeerrorcode: '422',
      data: { file: 'a b#é 😀.shp' },
    });
    expect(await router.listDeadLetters()).toMatchObject([
      {
        function: 'f',
        attempts: 1,
        event: { id: '1' },
        error: { code: 'CRS_MISSING', message: 'no CRS\ufffd', details: { file: 'a b#é.shp' } },
      },
    ]);
  });

  test('stores a dead letter after the last retry', async () => {
    const router = await start(
      { f: { topic: 'a', run: () => Promise.reject(new SluiceError('STORE_UNAVAILABLE', 'unavailable')) } },
      { RETRY_LIMIT: '1' },
    );
    await router.publish(testEvent('a', '1'));
    await eventually(async () =>
      expect(await router.listDeadLetters()).toMatchObject([{ attempts: 2, error: { code: 'STORE_UNAVAILABLE' } }]),
    );
  });

  test('stores one dead letter per function that failed, and delivers both to the sink', async () => {
    const failing = { topic: 'a', run: () => Promise.reject(new SluiceError('NO_GEOMETRY', 'none')) };
    const sunk: (string | undefined)[] = [];
    const router = await start({
      f: failing,
      g: failing,
      sink: {
        sink: true,
        run: (event) => {
          sunk.push(event.knativeerrordest);
          return Promise.resolve(undefined);
        },
      },
    });
    await router.publish(testEvent('a', '1'));
    await eventually(() => expect(sunk.toSorted()).toEqual(['f', 'g']));
    expect((await router.listDeadLetters()).map((letter) => letter.function).toSorted()).toEqual(['f', 'g']);
  });

  test('stores a dead letter of the sink without delivering it to the sink', async () => {
    let sunk = 0;
    const router = await start({
      f: { topic: 'a', run: () => Promise.reject(new SluiceError('NO_GEOMETRY', 'none')) },
      sink: {
        sink: true,
        run: () => {
          sunk += 1;
          return Promise.reject(new SluiceError('EVENT_INVALID', 'odd'));
        },
      },
    });
    await router.publish(testEvent('a', '1'));
    await eventually(async () =>
      expect((await router.listDeadLetters()).map((letter) => letter.function)).toEqual(['sink', 'f']),
    );
    expect(sunk).toBe(1);
  });

  test('stores a dead letter when the reply cannot be stored', async () => {
    const router = await start({ f: { topic: 'a', run: () => Promise.resolve(testEvent('b', 'NUL \0')) } });
    await router.publish(testEvent('a', '1'));
    await eventually(async () =>
      expect(await router.listDeadLetters()).toMatchObject([{ error: { code: 'EVENT_INVALID' } }]),
    );
  });
});
