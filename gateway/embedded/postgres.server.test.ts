import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import pg from 'pg';
import pino from 'pino';
import { afterAll, describe, expect, inject, onTestFinished, test, vi } from 'vitest';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { copyCluster } from '../../tests/cluster.ts';
import { mountSmallDisk } from '../../tests/small-disk.ts';
import { dataFolder, serverAccount, socketFolder } from './postgres-folders.ts';
import { binariesFor, isStarting } from './postgres-server.ts';
import { type PostgresOptions, startPostgres } from './postgres.ts';

const root = mkdtempSync(join(tmpdir(), 'sluice pg #é '));
chmodSync(root, 0o755);
afterAll(() => rm(root, { recursive: true, force: true }));

/** A folder with special characters in its name that the server's account can access. */
function folder(name: string): string {
  const path = join(root, name);
  mkdirSync(path);
  return join(path, 'postgres');
}

/** The same with an initialized cluster. */
function cluster(name: string): string {
  const directory = folder(name);
  copyCluster(inject('emptyCluster'), directory);
  return directory;
}

async function start(directory: string, options?: PostgresOptions) {
  const postgres = await startPostgres(directory, options);
  onTestFinished(() => postgres.stop());
  return postgres;
}

async function query(url: string, sql: string): Promise<unknown[][]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query({ text: sql, rowMode: 'array' })).rows as unknown[][];
  } finally {
    await client.end();
  }
}

function isAlive(pid: number): boolean {
  try {
    // A zombie has ended; its parent has not yet read its exit code.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** A Node.js process that starts the cluster and keeps running. Resolves when the server is ready. */
async function startElsewhere(directory: string) {
  const script = `import { startPostgres } from ${JSON.stringify(join(import.meta.dirname, 'postgres.ts'))};
    const postgres = await startPostgres(${JSON.stringify(directory)});
    console.log(JSON.stringify({ pid: postgres.pid, url: await postgres.database('kept') }));
    setInterval(() => undefined, 1000);`;
  const process = spawn('node', ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void process.kill('SIGKILL'));
  const [line] = (await once(process.stdout, 'data')) as [Buffer];
  return { process, ...(JSON.parse(line.toString()) as { pid: number; url: string }) };
}

describe('the embedded PostgreSQL', () => {
  test('keeps committed data after a restart, with and without PostGIS', async () => {
    const directory = folder('kept');
    const first = await startPostgres(directory);
    const url = await first.database('größe 1', { postgis: true });
    await query(url, 'create table kept as select st_area(st_makeenvelope(0, 0, 2, 3)) as area');
    await first.stop();
    expect(isAlive(first.pid)).toBe(false);

    const second = await start(directory);
    expect(await query(await second.database('größe 1', { postgis: true }), 'select area from kept')).toEqual([[6]]);
  });

  test('restarts a killed server, even while one of its backends is working', async () => {
    const postgres = await start(cluster('killed'));
    const url = await postgres.database('kept');
    await query(url, 'create table kept as select 1 as a');
    const killed = postgres.pid;
    const busy = query(url, 'select count(*) from generate_series(1, 1e12)').catch(() => undefined);
    await vi.waitUntil(
      async () =>
        (await query(url, `select from pg_stat_activity where query like '%1e12%' and pid <> pg_backend_pid()`))
          .length > 0,
    );
    process.kill(killed, 'SIGKILL');
    await busy;
    await vi.waitUntil(() => postgres.pid !== killed, { timeout: 20_000 });
    expect(await query(url, 'select a from kept')).toEqual([[1]]);
  });

  test('reports a full disk when the cluster cannot be created, and leaves no unfinished folder', async ({ skip }) => {
    const disk = mountSmallDisk(16) ?? skip('mount is not permitted');
    const directory = join(disk.folder, 'postgres');
    await expect(startPostgres(directory)).rejects.toMatchObject({
      code: 'DISK_FULL',
      message: `PostgreSQL cannot start, because the disk of ${directory} is full.`,
    });
    expect(readdirSync(disk.folder)).toEqual([]);
  });

  test('restarts a killed server when the full disk has space again, even after another failure', async ({ skip }) => {
    const disk = mountSmallDisk(128) ?? skip('mount is not permitted');
    const lines: string[] = [];
    const directory = join(disk.folder, 'postgres');
    copyCluster(inject('emptyCluster'), directory);
    const postgres = await startPostgres(directory, {
      log: pino({}, { write: (line: string) => void lines.push(line) }),
      onGiveUp: (error) => void lines.push(`gave up: ${error.code}`),
    });
    onTestFinished(() => postgres.stop());
    const url = await postgres.database('kept');
    await query(url, 'create table kept as select 1 as a');
    const killed = postgres.pid;
    disk.fill();
    process.kill(killed, 'SIGKILL');
    await vi.waitUntil(() => lines.some((line) => line.includes('Postgres:Restart:Failed')), { timeout: 30_000 });
    expect(lines.join('')).toContain('"code":"DISK_FULL"');
    // Another failure that follows does not end the attempts.
    const settings = join(postgres.data, 'postgresql.auto.conf');
    disk.empty();
    writeFileSync(settings, 'no_such_setting = 1\n');
    await vi.waitUntil(() => lines.some((line) => line.includes('no_such_setting')), { timeout: 30_000 });
    writeFileSync(settings, '');
    await vi.waitUntil(() => postgres.pid !== killed, { timeout: 30_000 });
    expect(lines.join('')).not.toContain('gave up');
    expect(await query(url, 'select a from kept')).toEqual([[1]]);
  });

  test('stops when its parent process is killed, and keeps unlogged tables', async () => {
    const directory = cluster('orphan');
    const { process, pid, url } = await startElsewhere(directory);
    await query(url, 'create unlogged table raw as select generate_series(1, 10) as i');
    process.kill('SIGKILL');
    await vi.waitUntil(() => !isAlive(pid), { timeout: 20_000 });
    const postgres = await start(directory);
    expect(await query(await postgres.database('kept'), 'select count(*)::int from raw')).toEqual([[10]]);
  });

  test('replaces a server that still runs on its data', async () => {
    const directory = cluster('still running');
    const first = await startPostgres(directory);
    await first.stop();
    const account = serverAccount();
    const left = execa(
      join(binariesFor(first.data), 'postgres'),
      ['-D', first.data, '-k', socketFolder(first.data, account), '-c', 'listen_addresses='],
      {
        cwd: '/',
        ...account,
        reject: false,
        stdio: 'ignore',
      },
    );
    await vi.waitUntil(
      () =>
        existsSync(join(first.data, 'postmaster.pid')) &&
        readFileSync(join(first.data, 'postmaster.pid'), 'utf8').includes('ready'),
      { timeout: 20_000 },
    );
    const second = await start(directory);
    await left;
    expect(await query(await second.database('postgres'), 'select 1')).toEqual([[1]]);
  });

  test('starts with a stale pid file that names a process which is not a server', async () => {
    const directory = cluster('stale');
    const first = await startPostgres(directory);
    await first.stop();
    writeFileSync(join(first.data, 'postmaster.pid'), `${process.pid}\n${first.data}\n`);
    const second = await start(directory);
    expect(await query(await second.database('postgres'), 'select 1')).toEqual([[1]]);
  });

  test('creates the data folder again after an interrupted attempt', async () => {
    const directory = folder('cut off');
    mkdirSync(`${directory}.new`);
    writeFileSync(join(`${directory}.new`, 'PG_VERSION'), '15\n');
    const postgres = await start(directory);
    expect(await query(await postgres.database('postgres'), 'select 1')).toEqual([[1]]);
  });

  test('rejects a second start in the same folder and names the process that uses it', async () => {
    const directory = cluster('twice');
    await start(directory);
    const second = await startPostgres(directory).catch((thrown: unknown) => thrown);
    expect(second).toBeInstanceOf(SluiceError);
    expect(second).toMatchObject({ code: 'SETUP_FAILED', details: { pid: process.pid } });
    expect((second as SluiceError).message).toContain('is already running in this folder');
  });

  test('reports the output of PostgreSQL when it cannot start', async () => {
    const directory = cluster('broken');
    const first = await startPostgres(directory);
    await first.stop();
    writeFileSync(join(first.data, 'postgresql.conf'), 'shared_buffers = many\n', { flag: 'a' });
    writeFileSync(join(first.data, 'postgresql.auto.conf'), 'no_such_setting = 1\n');
    await expect(startPostgres(directory)).rejects.toMatchObject({
      code: 'SETUP_FAILED',
      message: expect.stringContaining('no_such_setting'),
    });
  });

  // The server runs under another account only if the tests run as root.
  test.runIf(process.getuid?.() === 0)(
    'uses another data folder if the server account cannot access the requested one (requires root)',
    async () => {
      const closed = join(root, 'closed');
      mkdirSync(closed, { mode: 0o700 });
      const directory = join(closed, 'postgres');
      const fallbackRoot = join(root, 'fallback');
      const data = dataFolder(directory, serverAccount(), fallbackRoot);
      expect(data.startsWith(fallbackRoot)).toBe(true);
      mkdirSync(data);
      writeFileSync(join(data, 'PG_VERSION'), '15\n');
      expect(dataFolder(directory, serverAccount(), fallbackRoot)).toBe(data);
      expect(readFileSync(join(data, 'PG_VERSION'), 'utf8')).toBe('15\n');

      await rm(directory, { recursive: true });
      expect(dataFolder(directory, serverAccount(), fallbackRoot)).toBe(data);
      expect(() => readFileSync(join(data, 'PG_VERSION'))).toThrow('ENOENT');
    },
  );
});

test('a server that closes connections is starting; a server that rejects a login is not', async () => {
  const path = join(root, '.s.PGSQL.5432');
  const closesConnections = createServer((socket) => socket.destroy()).listen(path);
  onTestFinished(() => void closesConnections.close());
  await once(closesConnections, 'listening');
  const reason = await failureToConnect({ host: root });
  expect(reason, String(reason)).toSatisfy(isStarting);
  const { data } = await start(cluster('refuses'));
  const refusal = await failureToConnect({
    host: socketFolder(data, serverAccount()),
    user: 'postgres',
    database: 'no such',
  });
  expect(refusal).toMatchObject({ message: expect.any(String) as string });
  expect(refusal, String(refusal)).not.toSatisfy(isStarting);
});

async function failureToConnect(config: pg.ClientConfig): Promise<unknown> {
  const client = new pg.Client({ port: 5432, ...config });
  client.on('error', () => undefined);
  return client.connect().then(
    () => client.end(),
    (reason: unknown) => reason,
  );
}

test.runIf(process.platform === 'linux')(
  'a statement over the memory limit fails, and the server continues (needs ulimit -v of Linux)',
  async () => {
    const postgres = await start(cluster('memory'), { memoryBytes: 2 ** 30 });
    const url = await postgres.database('limited');
    const { pid } = postgres;
    const keeper = new pg.Client({ connectionString: url });
    await keeper.connect();
    onTestFinished(() => keeper.end());
    await expect(
      query(url, `select array_agg(repeat('x', 1000000) || n) from generate_series(1, 5000) as n`),
    ).rejects.toMatchObject({ code: '53200' });
    // A crash of one server process would end the other sessions.
    expect((await keeper.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    expect(postgres.pid).toBe(pid);
  },
);
