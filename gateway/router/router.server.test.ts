import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { readEvent } from '#shared/events/http.ts';
import { createDatabase } from '../../tests/servers.ts';
import { openRouter, startRouter, testEvent, type TestFunctions } from '../../tests/fixtures/router.ts';
import type { Router } from './router.ts';

let database: Awaited<ReturnType<typeof createDatabase>>;
const routers: Router[] = [];
const start = async (functions: TestFunctions, variables?: Record<string, string>) => {
  const router = await startRouter(database.url, functions, variables);
  routers.push(router);
  return router;
};
const eventually = <T>(check: () => T | Promise<T>) => vi.waitFor(check, { timeout: 15_000, interval: 10 });

/** Jobs are found only by wake-ups. Call it before the router starts. */
function disablePolling(): void {
  vi.spyOn(globalThis, 'setInterval').mockReturnValue(undefined as never);
}

beforeEach(async () => {
  database = await createDatabase();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await Promise.all(routers.splice(0).map((router) => router.stop()));
  await database.drop();
});

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

  test('delivers an event once that is published a thousand times, also after its delivery has ended', async () => {
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
    const other = await openRouter(database.url, {
      f: { topic: 't', concurrency: 1, run: () => Promise.resolve(undefined) },
    });
    routers.push(other); // Not started, so it only publishes.
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
  test('retries after a transient error with a growing delay', async () => {
    const at: number[] = [];
    disablePolling();
    const router = await start({
      f: {
        topic: 'a',
        run: () => {
          at.push(Date.now());
          return at.length < 3
            ? Promise.reject(new SluiceError('STORE_UNAVAILABLE', 'unavailable'))
            : Promise.resolve(undefined);
        },
      },
    });
    await router.publish(testEvent('a', '1'));
    await eventually(() => expect(at).toHaveLength(3));
    const [first = 0, second = 0, third = 0] = at;
    expect(second - first).toBeGreaterThan(700);
    expect(third - second).toBeGreaterThan(1_400);
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

describe('dead letters', () => {
  test('re-drives an event to the failed function only, although its id is not new', async () => {
    const calls: string[] = [];
    let broken = true;
    const router = await start({
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
    const router = await start({
      f: { topic: 'a', run: () => Promise.reject(new SluiceError('NO_GEOMETRY', 'none')) },
    });
    await router.publish(testEvent('a', '1'));
    const { id } = await eventually(async () => (await router.listDeadLetters())[0] ?? expect.unreachable());
    expect(await router.discard(id)).toMatchObject({ function: 'f' });
    await expect(router.discard(id)).rejects.toMatchObject({ code: 'DEAD_LETTER_NOT_FOUND' });
    await expect(router.redrive('not a uuid')).rejects.toMatchObject({ code: 'DEAD_LETTER_NOT_FOUND' });
  });
});

describe('asynchronous calls', () => {
  const listen = async () => {
    const posts: { headers: Record<string, unknown>; body: string }[] = [];
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      request.on('end', () => {
        posts.push({ headers: request.headers, body });
        response.writeHead(posts.length === 1 ? 500 : 200).end(); // The first post fails.
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return {
      posts,
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/a%20b`,
      close: () => server.close(),
    };
  };

  test('publishes the reply, and posts it to the callback URL until that returns 2xx', async () => {
    const callback = await listen();
    const routed: string[] = [];
    const router = await start({
      f: { run: (_event, { callId }) => Promise.resolve(testEvent('b', `of ${callId}`)) },
      g: {
        topic: 'b',
        run: (event) => {
          routed.push(event.id);
          return Promise.resolve(undefined);
        },
      },
    });
    await router.publishTo('f', testEvent('any', '1'), { callId: 'call-7', callbackUrl: callback.url });
    await eventually(() => expect(callback.posts).toHaveLength(2));
    expect(routed).toEqual(['of call-7']);
    expect(callback.posts[1]?.headers).toMatchObject({
      'x-call-id': 'call-7',
      'x-function-status': '200',
      'x-function-name': 'f',
      'x-duration-seconds': expect.stringMatching(/^\d+\.\d+$/) as string,
    });
    expect(readEvent(callback.posts[1]?.headers as Record<string, string>, callback.posts[1]?.body ?? '')).toEqual(
      testEvent('b', 'of call-7'),
    );
    callback.close();
  });

  test('posts the error of a failed call, and rejects a call of an unknown function', async () => {
    const callback = await listen();
    const router = await start({ f: { run: () => Promise.reject(new SluiceError('NO_GEOMETRY', 'none')) } });
    await router.publishTo('f', testEvent('any', '1'), { callId: 'call-8', callbackUrl: callback.url });
    await eventually(() => expect(callback.posts).toHaveLength(2));
    expect(callback.posts[0]?.headers['x-function-status']).toBe('422');
    expect(JSON.parse(callback.posts[0]?.body ?? '')).toMatchObject({ error: { code: 'NO_GEOMETRY' } });
    await expect(router.publishTo('nope', testEvent('any', '1'), { callId: '1' })).rejects.toMatchObject({
      code: 'FUNCTION_NOT_FOUND',
    });
    callback.close();
  });
});
