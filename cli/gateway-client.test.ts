import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { serverEvents, loginHeader } from './gateway-client.ts';

test('server-sent events are complete, however the stream is split into chunks', async () => {
  const text = ': heartbeat\n\nevent: run\ndata: {"é":\r\ndata: "🌳"}\r\n\r\nid: 1\ndata\n\ndata: incomplete';
  const bytes = new TextEncoder().encode(text);
  for (let size = 1; size < bytes.length; size += 1) {
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
      bytes.subarray(index * size, (index + 1) * size),
    );
    const found = [];
    const body = Readable.toWeb(Readable.from(chunks)) as ReadableStream<Uint8Array>;
    for await (const { event, data } of serverEvents(body)) found.push({ event, data });
    expect(found).toEqual([
      { event: 'run', data: '{"é":\n"🌳"}' },
      { event: undefined, data: '' },
    ]);
  }
});

test.each([
  [{}, {}],
  [{ SLUICE_TOKEN: 'sluice_x', SLUICE_USER: 'ana', SLUICE_PASSWORD: 'p' }, { authorization: 'Bearer sluice_x' }],
  [{ SLUICE_USER: 'ana', SLUICE_PASSWORD: 'pä:ss' }, { authorization: `Basic ${btoa('ana:pÃ¤:ss')}` }],
])('the login %j is the header %j', (login, header) => expect(loginHeader(login)).toEqual(header));

test('a user without a password is an error of the settings', () => {
  expect(() => loginHeader({ SLUICE_USER: 'ana' })).toThrow('SLUICE_USER and SLUICE_PASSWORD must be set together.');
});
