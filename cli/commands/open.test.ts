import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { GatewayClient } from '../gateway-client.ts';
import { open } from './open.ts';

const RUN = '0d4a1f6e-2f64-8c11-9a3e-0123456789ab';
const ASSET = '0123456789abcdef01234567';
const known = ['/api/datasets/stra%C3%9Fen', `/api/runs/${RUN}`, `/api/assets/${ASSET}`];
const gateway = createServer((request, response) => {
  const isKnown = known.includes(request.url ?? '');
  const error = { code: 'DATASET_NOT_FOUND', message: 'Dataset "roads" does not exist.', details: {} };
  response.writeHead(isKnown ? 200 : 404).end(JSON.stringify(isKnown ? {} : { error }));
});
let folder: string;
beforeAll(async () => {
  await new Promise<void>((done) => gateway.listen(0, '127.0.0.1', done));
  folder = await mkdtemp(join(tmpdir(), 'sluice open é '));
});
afterAll(async () => {
  gateway.close();
  await rm(folder, { recursive: true });
});

async function run(name: string, variables: NodeJS.ProcessEnv = {}, json = false) {
  const [output, errors]: [string[], string[]] = [[], []];
  const url = `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`;
  const write = (texts: string[]) => ({ write: (text: string) => void texts.push(text) });
  const terminal = { stdout: write(output), stderr: write(errors), json };
  const exitCode = await open(name, new GatewayClient(url), terminal, variables);
  return { exitCode, stdout: output.join('').replaceAll(url, 'URL'), stderr: errors.join('') };
}

test.each([
  ['straßen', 'datasets/stra%C3%9Fen'],
  [RUN, `runs/${RUN}`],
  [ASSET, `assets/${ASSET}`],
])('prints the address of the page of %s', async (name, path) => {
  expect(await run(name, { BROWSER: 'true' })).toEqual({ exitCode: 0, stdout: `URL/ui/${path}\n`, stderr: '' });
});

test('starts the browser with the address', async () => {
  const [browser, opened] = [join(folder, 'browser'), join(folder, 'opened')];
  await writeFile(browser, `#!/bin/sh\nprintf %s "$1" > "${opened}.new" && mv "${opened}.new" "${opened}"\n`);
  await chmod(browser, 0o755);
  const { stdout } = await run('straßen', { BROWSER: browser }, true);
  expect(JSON.parse(stdout)).toEqual({ url: 'URL/ui/datasets/stra%C3%9Fen' });
  await expect.poll(() => readFile(opened, 'utf8').catch(() => '')).toMatch(/\/ui\/datasets\/stra%C3%9Fen$/);
});

test('without a browser, the address is printed with the reason', async () => {
  const missing = await run('straßen', { BROWSER: join(folder, 'missing') });
  expect(missing).toMatchObject({ exitCode: 0, stdout: 'URL/ui/datasets/stra%C3%9Fen\n' });
  expect(missing.stderr).toMatch(/^Could not start the browser: .*ENOENT.* Open the address in a browser\.\n$/);
});

test('an unknown name is an error, and no browser is started', async () => {
  const unknown = await run('roads', { BROWSER: join(folder, 'missing') });
  expect(unknown).toMatchObject({ exitCode: 2, stdout: '' });
  expect(unknown.stderr).toMatch(/^DATASET_NOT_FOUND: Dataset "roads" does not exist\./);
});
