import { expect, test } from 'vitest';
import { parseStack, readStack } from '#shared/config/stack.ts';
import { SILENT_LOG } from '#shared/log/log.ts';
import { createDatabase, startObjectStore, testEnv } from '../../tests/servers.ts';
import type { Context } from './context.ts';
import { InProcessCaller } from './in-process-caller.ts';
import { openContext, withDeclaredPorts } from './make-context.ts';

const UNREACHABLE = 'postgresql://nobody@127.0.0.1:1/none';
const SIGNAL = new AbortController().signal;

test('export-parquet opens without PostGIS, and its context checks only the declared ports', async () => {
  const [database, store] = await Promise.all([createDatabase(), startObjectStore()]);
  try {
    const env = testEnv({ CONTROL_DATABASE_URL: database.url, S3_ENDPOINT: store.endpoint, POSTGIS_URL: UNREACHABLE });
    const options = { stack: await readStack(), functionName: 'export-parquet' };
    {
      await using context = await openContext({ ...env, POSTGIS_URL: undefined }, SILENT_LOG, options);
      await context.ping();
      expect(() => context.postgis.openSession).toThrow(/uses the port postgis/);
    }
    await using whole = await openContext(env, SILENT_LOG, { ...options, functionName: 'archive' });
    await expect(whole.ping()).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
  } finally {
    await Promise.all([database.drop(), store.stop()]);
  }
});

test('a function that needs PostGIS does not start without POSTGIS_URL', async () => {
  const database = await createDatabase();
  try {
    const env = testEnv({ CONTROL_DATABASE_URL: database.url, S3_ENDPOINT: 'http://127.0.0.1:1' });
    const opening = openContext(env, SILENT_LOG, { stack: await readStack(), functionName: 'join' });
    await expect(opening).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: 'POSTGIS_URL is not set, so PostGIS cannot be opened.',
    });
  } finally {
    await database.drop(); // Fails while a session of the rejected context is open.
  }
});

test('a handler that uses an undeclared port fails with the name of function and port', async () => {
  const context = { log: SILENT_LOG, signal: SIGNAL, ledger: {}, postgis: {} } as Context;
  const stack = parseStack('functions: {measure: {annotations: {sluice.needs: ledger}}}');
  const caller = new InProcessCaller(context, {
    stack,
    load: () => Promise.resolve(async (_event, { postgis }) => void (await postgis.listRunSchemas())),
  });
  const event = { specversion: '1.0', id: 'é', source: '/t', type: 't', time: '', data: {} } as const;
  const call = caller.invoke('measure', { ...event, datacontenttype: 'application/json' }, { signal: SIGNAL });
  await expect(call).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: 'Function measure uses the port postgis, which its annotation sluice.needs in stack.yml does not list.',
    details: { function: 'measure', port: 'postgis' },
  });
});

test('a declared port is the port of the context', () => {
  const context = { ledger: { ping: () => Promise.resolve() } } as Context;
  expect(withDeclaredPorts(context, 'archive', ['ledger']).ledger).toBe(context.ledger);
});
