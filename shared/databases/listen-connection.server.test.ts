import pg from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createDatabase } from '../../tests/servers.ts';
import { ListenConnection } from './listen-connection.ts';

const CHANNEL = 'größe #1';

let database: Awaited<ReturnType<typeof createDatabase>>;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());

/** A connection that listens to CHANNEL, and what it received. */
function connectionTo(url: string) {
  const received: string[] = [];
  let sessions = 0;
  const connection = new ListenConnection({
    url,
    applicationName: 'sluice:test-listen',
    onConnect: async (client) => {
      await client.query(`listen ${pg.escapeIdentifier(CHANNEL)}`);
      sessions += 1;
    },
    onNotification: (payload) => received.push(payload),
  });
  return { connection, received, sessions: () => sessions };
}

async function query(sql: string, values: string[] = []): Promise<void> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    await client.query(sql, values);
  } finally {
    await client.end();
  }
}

test('receives notifications, even after its session was terminated', async () => {
  const { connection, received, sessions } = connectionTo(database.url);
  await connection.open();
  try {
    await query('select pg_notify($1, $2)', [CHANNEL, 'erste é']);
    await vi.waitFor(() => expect(received).toEqual(['erste é']));
    await query("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'sluice:test-listen'");
    await vi.waitFor(() => expect(sessions()).toBe(2));
    await query('select pg_notify($1, $2)', [CHANNEL, 'zweite']);
    await vi.waitFor(() => expect(received).toEqual(['erste é', 'zweite']));
  } finally {
    await connection.close();
  }
  expect(connection.client).toBeUndefined();
});

test('a connection that was closed while it opened leaves no session', async () => {
  const { connection, sessions } = connectionTo(database.url);
  const opening = connection.open();
  await connection.close();
  await opening;
  expect([connection.client, sessions()]).toEqual([undefined, 0]);
});

test('rejects when the first connection fails', async () => {
  const { connection } = connectionTo('postgresql://nobody@127.0.0.1:1/none');
  await expect(connection.open()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});
