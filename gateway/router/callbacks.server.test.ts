import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { readEvent } from '#shared/events/http.ts';
import { testEvent } from '../../tests/fixtures/router.ts';
import { eventually, RoutersOfTest } from '../../tests/fixtures/routers-of-test.ts';

const routers = new RoutersOfTest();

/** A server that records the posts to the callback URL. */
async function listen() {
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
}

test('publishes the reply, and posts it to the callback URL until that returns 2xx', async () => {
  const callback = await listen();
  const routed: string[] = [];
  const router = await routers.start({
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
  const router = await routers.start({ f: { run: () => Promise.reject(new SluiceError('NO_GEOMETRY', 'none')) } });
  await router.publishTo('f', testEvent('any', '1'), { callId: 'call-8', callbackUrl: callback.url });
  await eventually(() => expect(callback.posts).toHaveLength(2));
  expect(callback.posts[0]?.headers['x-function-status']).toBe('422');
  expect(JSON.parse(callback.posts[0]?.body ?? '')).toMatchObject({ error: { code: 'NO_GEOMETRY' } });
  await expect(router.publishTo('nope', testEvent('any', '1'), { callId: '1' })).rejects.toMatchObject({
    code: 'FUNCTION_NOT_FOUND',
  });
  callback.close();
});
