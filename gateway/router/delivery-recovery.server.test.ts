import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import pg from 'pg';
import { describe, expect, test, vi } from 'vitest';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { SILENT_LOG } from '#shared/log/log.ts';
import { newCluster } from '../../tests/cluster.ts';
import { createDatabase } from '../../tests/servers.ts';
import { startPostgres } from '../embedded/postgres.ts';
import { DatabaseStatus, RouterConnection } from './router-connection.ts';
import { openRouter, startRouter, testEvent, type TestFunctions } from '../../tests/fixtures/router.ts';

const eventually = <T>(check: () => T | Promise<T>, timeout = 15_000) => vi.waitFor(check, { timeout, interval: 10 });

describe('after a crash', () => {
  test('repeats the deliveries of a killed process immediately at the next start, as the same attempt', async () => {
    const database = await createDatabase();
    const worker = execa(
      'node',
      [fileURLToPath(new URL('../../tests/fixtures/router-crash.worker.ts', import.meta.url)), database.url],
      {
        reject: false,
        stdout: 'pipe',
      },
    );
    const began = Promise.withResolvers<string>();
    worker.stdout.on('data', (chunk: Buffer) => began.resolve(chunk.toString()));
    expect(await began.promise).toBe('began in the middle\n');
    worker.kill('SIGKILL');
    await worker;

    const seen: string[] = [];
    const router = await openRouter(database.url, {
      f: {
        topic: 'a',
        run: (event) => {
          seen.push(event.id);
          return Promise.reject(new SluiceError('NO_GEOMETRY', 'none'));
        },
      },
    });
    await router.publish(testEvent('a', 'in the middle')); // The event is stored already, so this has no effect.
    await router.start();
    await eventually(async () => expect(await router.listDeadLetters()).toMatchObject([{ attempts: 1 }]));
    expect(seen).toEqual(['in the middle']);
    await router.stop();
    await database.drop();
  });

  test('a router starts while another one is suspended during the recovery', async () => {
    const database = await createDatabase();
    const status = new DatabaseStatus(SILENT_LOG);
    const suspended = new RouterConnection(database.url, status);
    await suspended.open();
    const began = Promise.withResolvers<undefined>();
    const resumed = Promise.withResolvers<undefined>();
    const recovery = suspended.runIfOnlyRouter(async (transaction) => {
      began.resolve(undefined);
      await resumed.promise; // A suspended process executes no statement.
      await transaction.executeSql('select 1');
    });
    await began.promise;
    const other = new RouterConnection(database.url, status);
    await other.open(); // Waits until PostgreSQL has closed the session of the suspended router.
    resumed.resolve(undefined);
    await expect(recovery).rejects.toThrow();
    await Promise.all([suspended.close(), other.close()]);
    await database.drop();
  });

  test('does not repeat the running deliveries of another router', async () => {
    const database = await createDatabase();
    const release = Promise.withResolvers<undefined>();
    const seen: string[] = [];
    const first = await startRouter(database.url, {
      f: {
        topic: 'a',
        run: () => {
          seen.push('first');
          return release.promise;
        },
      },
    });
    await first.publish(testEvent('a', '1'));
    await eventually(() => expect(seen).toEqual(['first']));
    const second = await startRouter(database.url, {
      f: {
        topic: 'a',
        run: () => {
          seen.push('second');
          return Promise.resolve(undefined);
        },
      },
    });
    await second.publish(testEvent('a', '2'));
    await eventually(() => expect(seen).toHaveLength(2));
    expect((await active(database.url)).map((job) => job.data.event.id)).toContain('1');
    release.resolve(undefined);
    await Promise.all([first.stop(), second.stop()]);
    await database.drop();
  });

  test('does not complete a job that another router has fetched since, but publishes the reply', async () => {
    const database = await createDatabase();
    const [stopped, other] = [Promise.withResolvers<SluiceEvent>(), Promise.withResolvers<SluiceEvent>()];
    const seen: string[] = [];
    const functionsOf = (name: string, reply: Promise<SluiceEvent>): TestFunctions => ({
      f: {
        topic: 'a',
        concurrency: 1,
        run: () => {
          seen.push(name);
          return reply;
        },
      },
      g: {
        topic: 'b',
        run: (event) => {
          seen.push(event.id);
          return Promise.resolve(undefined);
        },
      },
    });
    const first = await startRouter(database.url, functionsOf('stopped', stopped.promise));
    await first.publish(testEvent('a', '1'));
    await eventually(() => expect(seen).toEqual(['stopped']));
    // As pg-boss does when the heartbeat has expired.
    await query(database.url, `update pgboss.job set state = 'retry' where state = 'active'`);
    const second = await startRouter(database.url, functionsOf('other', other.promise));
    await eventually(() => expect(seen).toEqual(['stopped', 'other']));
    stopped.resolve(testEvent('b', 'reply'));
    await eventually(() => expect(seen).toEqual(['stopped', 'other', 'reply']));
    // The delivery of the reply is active until its result is stored.
    await eventually(async () => expect(await active(database.url)).toMatchObject([{ data: { event: { id: '1' } } }]));
    other.reject(new SluiceError('NO_GEOMETRY', 'none'));
    await eventually(async () => expect(await second.listDeadLetters()).toHaveLength(1));
    await Promise.all([first.stop(), second.stop()]);
    await database.drop();
  });

  test('cancels running calls on stop(), and repeats them after the next start, as the same attempt', async () => {
    const database = await createDatabase();
    const began = Promise.withResolvers<void>();
    const first = await startRouter(database.url, {
      f: {
        topic: 'a',
        run: (_event, { signal }) =>
          new Promise((_resolve, reject) => {
            began.resolve();
            signal.addEventListener('abort', () => reject(new SluiceError('FUNCTION_UNAVAILABLE', 'stopping')));
          }),
      },
    });
    await first.publish(testEvent('a', '1'));
    await began.promise;
    await first.stop();
    expect(await active(database.url)).toEqual([]);
    // As after 20 crashes: the fetch that the stop ended is not one of them.
    await query(database.url, 'update pgboss.job set retry_count = 20');
    const again = Promise.withResolvers<string>();
    const second = await startRouter(database.url, {
      f: {
        topic: 'a',
        run: (event) => {
          again.resolve(event.id);
          return Promise.reject(new SluiceError('NO_GEOMETRY', 'none'));
        },
      },
    });
    expect(await again.promise).toBe('1');
    await eventually(async () =>
      expect(await second.listDeadLetters()).toMatchObject([{ attempts: 1, error: { code: 'NO_GEOMETRY' } }]),
    );
    await second.stop();
    await database.drop();
  });

  test('delivers a retry that was due while no router was running', async () => {
    const database = await createDatabase();
    const failed = Promise.withResolvers<void>();
    const first = await startRouter(database.url, {
      f: {
        topic: 'a',
        run: () => {
          failed.resolve();
          return Promise.reject(new SluiceError('STORE_UNAVAILABLE', 'unavailable'));
        },
      },
    });
    await first.publish(testEvent('a', '1'));
    await failed.promise;
    await eventually(async () => expect(await active(database.url)).toEqual([]));
    await first.stop();
    const again = Promise.withResolvers<void>();
    const second = await startRouter(database.url, {
      f: {
        topic: 'a',
        run: () => {
          again.resolve();
          return Promise.resolve(undefined);
        },
      },
    });
    await again.promise;
    await second.stop();
    await database.drop();
  });
});

test('returns a job whose fetch committed without a reply, soon after the reconnection', async () => {
  const database = await createDatabase();
  const seen: string[] = [];
  const router = await startRouter(database.url, {
    f: {
      topic: 'a',
      run: (event) => {
        seen.push(event.id);
        return Promise.resolve(undefined);
      },
    },
  });
  await router.publish(testEvent('a', '1'));
  await eventually(async () => expect(await states(database.url)).toEqual(['completed']));
  // As after such a fetch: the job is active, and no consumer has it.
  await query(database.url, `update pgboss.job set state = 'active', started_on = now(), completed_on = null`);
  await query(
    database.url,
    `select pg_terminate_backend(pid) from pg_stat_activity
     where application_name = 'sluice:router-connection' and datname = current_database()`,
  );
  await eventually(() => expect(seen).toEqual(['1', '1']), 10_000);
  await eventually(async () => expect(await states(database.url)).toEqual(['completed']));
  await router.stop();
  await database.drop();
});

test('publishes the reply of a call when PostgreSQL is available again, and loses no event', async () => {
  const cluster = newCluster();
  let postgres = await startPostgres(cluster.directory);
  const url = await postgres.database('queue');
  const seen: string[] = [];
  const began = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const router = await startRouter(url, {
    f: {
      topic: 'a',
      run: async (event) => {
        began.resolve();
        await release.promise;
        seen.push(`f ${event.id}`);
        return testEvent('b', `of ${event.id}`);
      },
    },
    g: {
      topic: 'b',
      run: (event) => {
        seen.push(`g ${event.id}`);
        return Promise.resolve(undefined);
      },
    },
  });
  await router.publish(testEvent('a', '1'));
  await began.promise;
  await postgres.stop();
  await expect(router.publish(testEvent('a', '2'))).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
  release.resolve();
  await eventually(() => expect(seen).toEqual(['f 1']));
  postgres = await startPostgres(cluster.directory);
  await eventually(() => expect(seen).toEqual(['f 1', 'g of 1']));
  await eventually(() => router.publish(testEvent('a', '3')));
  await eventually(() => expect(seen).toEqual(['f 1', 'g of 1', 'f 3', 'g of 3']));
  await router.stop();
  await postgres.stop();
  cluster.remove();
});

/** Jobs in the state `active`. */
function active(url: string): Promise<{ data: { event: { id: string } } }[]> {
  return query(url, `select data from pgboss.job where state = 'active'`);
}

async function states(url: string): Promise<string[]> {
  return (await query<{ state: string }>(url, 'select state from pgboss.job')).map(({ state }) => state);
}

async function query<R extends pg.QueryResultRow>(url: string, sql: string): Promise<R[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<R>(sql)).rows;
  } finally {
    await client.end();
  }
}
