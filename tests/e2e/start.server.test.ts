import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { homeFolder, processesOf, startProgram } from './program.ts';

/** Each test starts Sluice several times. */
vi.setConfig({ testTimeout: 180_000 });

const START = 'Press Ctrl-C to stop Sluice.';

test('the first start ingests the sample, Ctrl-C leaves no process, and the second start keeps the asset', async () => {
  const home = homeFolder();
  const first = await startProgram(home);
  await first.waitForOutput(START);
  expect(first.output()).toMatch(/success in \d.* run [0-9a-f-]{36}\n/);
  for (const step of ['load-to-postgis', 'transform-recipe', 'export-geoparquet', 'record-lineage', 'archive']) {
    expect(first.output()).toMatch(new RegExp(`${step} +done, [0-9.]+ s`));
  }
  expect(first.output()).toMatch(/\n {2}countries, version 1\n {4}Rows +177\n/);
  expect(first.output()).toMatch(/Bounding box +west -180, south -89\.9\d*, east (180|179\.9+), north 83\.6\d*\n/);
  expect(first.output()).toMatch(/Object +countries\/.+\.parquet\n/);

  const url = /Download +(\S+)/.exec(first.output())?.[1] ?? '';
  const bytes = Buffer.from(await (await fetch(url)).arrayBuffer());
  expect(bytes.subarray(0, 4).toString()).toBe('PAR1');

  first.signal('SIGINT');
  expect(await first.ended).toBe(0);
  expect(first.output()).toContain('Stopped.');
  await vi.waitFor(() => expect(processesOf(home)).toEqual([]));

  const second = await startProgram(home);
  await second.waitForOutput(START);
  expect(second.output()).not.toContain('First start');
  const assets = (await (await fetch(`http://127.0.0.1:${second.port}/api/assets`)).json()) as {
    dataset_id: string;
    version: number;
  }[];
  expect(assets).toMatchObject([{ dataset_id: 'countries', version: 1 }]);
});

test('kill -9 during the first run leaves no process, and the next start finishes the run once', async () => {
  const home = homeFolder();
  const first = await startProgram(home);
  await first.waitForOutput('First start');
  first.signal('SIGKILL');
  await first.ended;
  await vi.waitFor(() => expect(processesOf(home)).toEqual([]), { timeout: 20_000 });

  const second = await startProgram(home);
  await second.waitForOutput(START);
  const assets = await vi.waitUntil(
    async () => {
      const found = (await (await fetch(`http://127.0.0.1:${second.port}/api/assets`)).json()) as {
        version: number;
        row_count: number;
      }[];
      return found.length > 0 && found;
    },
    { timeout: 60_000 },
  );
  expect(assets).toMatchObject([{ version: 1, row_count: 177 }]);
  const runs = (await (await fetch(`http://127.0.0.1:${second.port}/api/runs`)).json()) as unknown[];
  expect(runs).toHaveLength(1);
});

test('reports a port in use, the variable to change, and whether another Sluice uses the port', async () => {
  const other = createServer((socket) => socket.end()).listen(0, '127.0.0.1');
  onTestFinished(() => void other.close());
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  for (const variable of ['PORT', 'S3_EMBEDDED_PORT']) {
    const home = homeFolder();
    const program = await startProgram(home, { variables: { [variable]: String(port) } });
    expect(await program.ended).toBe(1);
    expect(program.output()).toContain(
      `Port ${port} is in use by another program. Stop it, or set ${variable} to another port, ` +
        `for example: ${variable}=${port + 1} npm start`,
    );
    expect(processesOf(home)).toEqual([]);
  }

  const running = await startProgram(homeFolder(), { args: ['--no-sample'] });
  await running.waitForOutput(START);
  const refused = await startProgram(homeFolder(), { variables: { PORT: String(running.port) } });
  expect(await refused.ended).toBe(1);
  expect(refused.output()).toContain(`Port ${running.port} is in use by another Sluice.`);
});

test('rejects a second start in the same folder, and the first Sluice continues', async () => {
  const home = homeFolder();
  const first = await startProgram(home, { args: ['--no-sample'] });
  await first.waitForOutput(START);
  const second = await startProgram(home);
  expect(await second.ended).toBe(1);
  expect(second.output()).toContain(`Sluice is already running in this folder at http://127.0.0.1:`);
  expect(second.output()).toContain(`(process ${first.child.pid})`);
  expect((await fetch(`http://127.0.0.1:${first.port}/healthz`)).status).toBe(200);
});

test('SIGTERM during the start stops the parts that were started', async () => {
  const home = homeFolder();
  const program = await startProgram(home, { args: ['--no-sample'] });
  await vi.waitUntil(() => existsSync(join(home, 'postgres.new')) || existsSync(join(home, 'postgres')), {
    timeout: 20_000,
  });
  program.signal('SIGTERM');
  expect(await program.ended).toBe(0);
  await vi.waitFor(() => expect(processesOf(home)).toEqual([]), { timeout: 20_000 });
});

test('reports a home folder that is a file', async () => {
  const file = homeFolder();
  writeFileSync(file, '');
  const program = await startProgram(file);
  expect(await program.ended).toBe(1);
  expect(program.output()).toBe(
    `\nSluice cannot start. ${file} (SLUICE_HOME) must be a folder, but ${file} is a file. Remove it, ` +
      'or set SLUICE_HOME to another folder.\n\n',
  );
});

test('reports an invalid variable of the environment', async () => {
  const program = await startProgram(homeFolder(), { variables: { RETRY_LIMIT: 'many' } });
  expect(await program.ended).toBe(1);
  expect(program.output()).toBe(
    '\nSluice cannot start. The environment is invalid: RETRY_LIMIT is "many", but must be a whole number from 1 to 100. .env.example lists every variable.\n\n',
  );
});
