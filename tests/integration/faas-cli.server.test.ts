import { createServer, request as sendRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { COMMANDS, PASSWORD, TOKEN } from '../fixtures/faas-cli-commands.ts';
import type { Command, Exchange } from '../fixtures/faas-cli-exchange.ts';
import { startTestSluice, type TestSluice } from '../running-sluice.ts';

const LAUNCHER = fileURLToPath(new URL('../../cli/sluice.mjs', import.meta.url));
const COUNTRIES = fileURLToPath(new URL('../../gateway/console/sample/countries.zip', import.meta.url));
/** faas-cli of the PATH. It is not in any package registry, so most machines have none. */
const { exitCode: missing } = await execa('faas-cli', ['version', '--short-version'], { reject: false });
const hasClient = missing === 0;
const BY_HAND = 'by-hand-1';

let sluice: TestSluice;
let folder: string;
/** The event of the first step of a run, as `sluice event` prints it. */
let event: string;
const recorder = await startRecorder(() => sluice.url);
const callback = await startCallbackServer();

const run = (...args: string[]) =>
  execa(process.execPath, [LAUNCHER, ...args], {
    env: { SLUICE_URL: sluice.url, SLUICE_USER: 'admin', SLUICE_PASSWORD: PASSWORD, LOG_LEVEL: 'silent' },
  });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-faas-cli-é-'));
  const LOG_FILE = join(folder, 'sluice.log');
  sluice = await startTestSluice({
    ...{ SLUICE_ADMIN_PASSWORD: PASSWORD, WEBHOOK_TOKEN: TOKEN },
    ...{ LOG_FILE, LOG_LEVEL: 'info' },
  });
  const ingested = await run('ingest', COUNTRIES, '--dataset', 'länder', '--json');
  const { run_id } = JSON.parse(ingested.stdout) as { run_id: string };
  event = (await run('event', 'load-to-postgis', run_id)).stdout;
});
afterAll(async () => {
  recorder.close();
  callback.close();
  await sluice[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

describe(`commands of faas-cli ${hasClient ? 'on the PATH' : 'as requests'}`, () => {
  test.each(COMMANDS.map((each) => [each.command.join(' '), each] as const))('%s', async (_name, each) => {
    if (hasClient) await executeCommand(each);
    else for (const exchange of each.exchanges) await sendExchange(exchange);
  });

  test('the result of the asynchronous call was posted to its callback URL', async () => {
    await expect.poll(() => callback.calls, { timeout: 15_000 }).toHaveLength(1);
    expect(callback.calls[0]).toMatchObject({
      'x-call-id': BY_HAND,
      'x-function-name': 'load-to-postgis',
      'x-function-status': '200',
      'ce-type': 'sluice.table.loaded',
    });
  });
});

/** Executes a command through the recorder, and compares what it sent with the table. */
async function executeCommand({ command, input, exchanges, prints, exitCode = 0 }: Command): Promise<void> {
  recorder.exchanges.length = 0;
  const args = command.map((arg) => arg.replace('CALLBACK', callback.url));
  const result = await execa('faas-cli', args, {
    reject: false,
    all: true,
    cwd: folder, // Without stack.yml.
    input: input ?? (exchanges.some(({ sendsEvent }) => sendsEvent) ? event : ''),
    env: { OPENFAAS_URL: recorder.url, HOME: folder, OPENFAAS_CONFIG: folder, NO_PROXY: '127.0.0.1' },
  });
  // Releases of faas-cli begin their errors with an upper-case or a lower-case letter.
  const printed = new RegExp(prints.source, `${prints.flags.replace('i', '')}i`);
  expect([result.exitCode, result.all]).toEqual([exitCode, expect.stringMatching(printed)]);
  expect(recorder.exchanges).toMatchObject(
    exchanges.map(({ request, body, status, answer = /(?:)/ }) => ({
      request,
      ...(body === undefined ? {} : { body }),
      status,
      answer: expect.stringMatching(answer) as string,
    })),
  );
}

async function sendExchange({ request, body, headers = {}, sendsEvent, login, ...expected }: Exchange): Promise<void> {
  const [method = '', path = ''] = request.split(' ');
  const basic = Buffer.from(`admin:${login === 'wrong' ? 'wrong' : PASSWORD}`).toString('base64');
  const reply = await fetch(sluice.url + path.replace('SINCE', new Date(Date.now() - 3_600_000).toISOString()), {
    method,
    headers: {
      ...(login === 'none' ? {} : { authorization: `Basic ${basic}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...Object.fromEntries(
        Object.entries(headers).map(([name, value]) => [name, value.replace('CALLBACK', callback.url)]),
      ),
    },
    ...(sendsEvent ? { body: event } : body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  expect([reply.status, await reply.text()]).toEqual([
    expected.status,
    expect.stringMatching(expected.answer ?? /(?:)/),
  ]);
}

interface Recorded {
  request: string;
  body: unknown;
  status: number;
  answer: string;
}

/** A proxy that records the requests of faas-cli and the answers. */
async function startRecorder(target: () => string) {
  const exchanges: Recorded[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const sent = await text(request);
      const forwarded = sendRequest(new URL(request.url ?? '/', target()), {
        method: request.method,
        headers: { ...request.headers, host: new URL(target()).host },
      });
      forwarded.on('response', (reply) => {
        void text(reply).then((answer) => {
          const path = (request.url ?? '').replace(/since=[^&]+/, 'since=SINCE');
          exchanges.push({
            request: `${request.method} ${path}`,
            body: request.headers['content-type'] === 'application/json' ? JSON.parse(sent) : undefined,
            status: reply.statusCode ?? 0,
            answer,
          });
          const { 'transfer-encoding': _encoding, ...headers } = reply.headers;
          response.writeHead(reply.statusCode ?? 0, headers).end(answer);
        });
      });
      forwarded.end(sent);
    })();
  });
  return { exchanges, url: await listen(server), close: () => server.close() };
}

async function startCallbackServer() {
  const calls: Record<string, unknown>[] = [];
  const server = createServer((request, response) => {
    calls.push(request.headers);
    request.resume().on('end', () => response.end());
  });
  return { calls, url: `${await listen(server)}/ergebnis`, close: () => server.close() };
}

async function listen(server: ReturnType<typeof createServer>): Promise<string> {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function text(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
