import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import pg from 'pg';
import { afterAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { lockFolder } from './folder-lock.ts';
import { dataFolder, serverAccount, socketFolder } from './postgres-folders.ts';
import { binariesFor, isStarting } from './postgres-server.ts';
import { startPostgres } from './postgres.ts';

const root = mkdtempSync(join(tmpdir(), 'sluice pg #é '));
chmodSync(root, 0o755);
afterAll(() => rm(root, { recursive: true, force: true }));

/** A folder that the server's account reaches, with an awkward name. */
function folder(name: string): string {
  const path = join(root, name);
  mkdirSync(path);
  return join(path, 'postgres');
}

async function start(directory: string) {
  const postgres = await startPostgres(directory);
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
    // A zombie has ended, and waits only for a parent that asks.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** A Node process that starts the cluster and stays; resolves when the server answers. */
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

describe('the private PostgreSQL', () => {
  test('keeps what was committed from one start to the next, and starts without PostGIS or with it', async () => {
    const directory = folder('kept');
    const first = await startPostgres(directory);
    const url = await first.database('größe 1', { postgis: true });
    await query(url, 'create table kept as select st_area(st_makeenvelope(0, 0, 2, 3)) as area');
    await first.stop();
    expect(isAlive(first.pid)).toBe(false);

    const second = await start(directory);
    expect(await query(await second.database('größe 1', { postgis: true }), 'select area from kept')).toEqual([[6]]);
  });

  test('is started again when the server is killed, also while a backend of it is at work', async () => {
    const postgres = await start(folder('killed'));
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

  test('ends when the process that started it is killed, cleanly enough to keep unlogged tables', async () => {
    const directory = folder('orphan');
    const { process, pid, url } = await startElsewhere(directory);
    await query(url, 'create unlogged table raw as select generate_series(1, 10) as i');
    process.kill('SIGKILL');
    await vi.waitUntil(() => !isAlive(pid), { timeout: 20_000 });
    const postgres = await start(directory);
    expect(await query(await postgres.database('kept'), 'select count(*)::int from raw')).toEqual([[10]]);
  });

  test('takes the place of a server that still runs on its data', async () => {
    const directory = folder('still running');
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

  test('starts over a stale pid file that names a living process which is no server', async () => {
    const directory = folder('stale');
    const first = await startPostgres(directory);
    await first.stop();
    writeFileSync(join(first.data, 'postmaster.pid'), `${process.pid}\n${first.data}\n`);
    const second = await start(directory);
    expect(await query(await second.database('postgres'), 'select 1')).toEqual([[1]]);
  });

  test('begins anew when making the data folder was cut off', async () => {
    const directory = folder('cut off');
    mkdirSync(`${directory}.new`);
    writeFileSync(join(`${directory}.new`, 'PG_VERSION'), '15\n');
    const postgres = await start(directory);
    expect(await query(await postgres.database('postgres'), 'select 1')).toEqual([[1]]);
  });

  test('refuses a second start in the same folder and names the process that has it', async () => {
    const directory = folder('twice');
    await start(directory);
    const second = await startPostgres(directory).catch((thrown: unknown) => thrown);
    expect(second).toBeInstanceOf(SluiceError);
    expect(second).toMatchObject({ code: 'SETUP_FAILED', details: { pid: process.pid } });
    expect((second as SluiceError).message).toContain('is running already in this folder');
  });

  test('says what PostgreSQL said when it does not start', async () => {
    const directory = folder('broken');
    const first = await startPostgres(directory);
    await first.stop();
    writeFileSync(join(first.data, 'postgresql.conf'), 'shared_buffers = many\n', { flag: 'a' });
    writeFileSync(join(first.data, 'postgresql.auto.conf'), 'no_such_setting = 1\n');
    await expect(startPostgres(directory)).rejects.toMatchObject({
      code: 'SETUP_FAILED',
      message: expect.stringContaining('no_such_setting'),
    });
  });

  // Only root has to give the server another account.
  test.runIf(process.getuid?.() === 0)(
    'puts the data elsewhere when the server account cannot reach the folder, and forgets it with the folder (needs root)',
    async () => {
      const closed = join(root, 'closed');
      mkdirSync(closed, { mode: 0o700 });
      const directory = join(closed, 'postgres');
      const elsewhere = join(root, 'elsewhere');
      const data = dataFolder(directory, serverAccount(), elsewhere);
      expect(data.startsWith(elsewhere)).toBe(true);
      mkdirSync(data);
      writeFileSync(join(data, 'PG_VERSION'), '15\n');
      expect(dataFolder(directory, serverAccount(), elsewhere)).toBe(data);
      expect(readFileSync(join(data, 'PG_VERSION'), 'utf8')).toBe('15\n');

      await rm(directory, { recursive: true });
      expect(dataFolder(directory, serverAccount(), elsewhere)).toBe(data);
      expect(() => readFileSync(join(data, 'PG_VERSION'))).toThrow('ENOENT');
    },
  );
});

describe('the lock of a folder', () => {
  test('is free again after release, and after the death of its holder', () => {
    const file = join(root, 'a.lock');
    lockFolder(file, 'Sluice').release();
    writeFileSync(file, JSON.stringify({ owner: 'another host/boot/1/1', pid: 1 }));
    expect(() => lockFolder(file, 'Sluice', 'http://127.0.0.1:8080')).toThrow('process 1)');
    const dead = lockFolder(join(root, 'b.lock'), 'Sluice');
    const holder = JSON.parse(readFileSync(join(root, 'b.lock'), 'utf8')) as { owner: string };
    dead.release();
    writeFileSync(file, JSON.stringify({ owner: holder.owner.replace(/\/[^/]*$/, '/1'), pid: process.pid })); // Same number, begun at another time.
    lockFolder(file, 'Sluice').release();
    expect(() => readFileSync(file)).toThrow('ENOENT');
  });

  test('that is half written is taken over', () => {
    const file = join(root, 'c.lock');
    writeFileSync(file, '{"owner":');
    lockFolder(file, 'Sluice').release();
  });
});

test('a server that hangs up on whoever asks is one that still starts; one that refuses what it is asked is not', async () => {
  const path = join(root, '.s.PGSQL.5432');
  const hangsUp = createServer((socket) => socket.destroy()).listen(path);
  onTestFinished(() => void hangsUp.close());
  await once(hangsUp, 'listening');
  const reason = await failureToConnect({ host: root });
  expect(reason, String(reason)).toSatisfy(isStarting);
  const { data } = await start(folder('refuses'));
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
