import { expect, test } from 'vitest';
import { createDatabase } from '../../tests/servers.ts';
import { openLedger } from './open-ledger.ts';
import { activityOf } from './activity.ts';

const UNSET = { LEDGER_URL: undefined, MONGO_CONNECTION_STRING: undefined, CONTROL_DATABASE_URL: undefined };

test.each([
  ['mysql://user:geheim@127.0.0.1:3306/sluice', 'LEDGER_URL begins with mysql://'],
  ['/var/run/geheim', 'LEDGER_URL has no URL scheme'],
])('rejects the ledger %s without repeating its password', async (LEDGER_URL, problem) => {
  const opening = openLedger({ ...UNSET, LEDGER_URL, CONTROL_DATABASE_URL: 'postgresql://127.0.0.1/control' });
  await expect(opening).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: `${problem}, but the ledger supports mongodb:// and postgresql:// only.`,
  });
  await expect(opening).rejects.not.toThrow(/geheim/);
});

test('rejects a missing URL', async () => {
  await expect(openLedger(UNSET)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: 'Neither LEDGER_URL nor CONTROL_DATABASE_URL is set, so the ledger cannot be opened.',
  });
});

test('LEDGER_URL takes precedence over CONTROL_DATABASE_URL, which is its default', async () => {
  const [own, control] = await Promise.all([createDatabase(), createDatabase()]);
  try {
    const ledger = await openLedger({ ...UNSET, LEDGER_URL: own.url, CONTROL_DATABASE_URL: control.url });
    const activity = activityOf({ activity: 'run_started', operator: 'zoë', message: 'Straße #1' });
    await ledger.appendActivity(activity);
    await ledger.close();
    expect(await listActivity({ ...UNSET, LEDGER_URL: own.url })).toEqual([activity]);
    expect(await listActivity({ ...UNSET, CONTROL_DATABASE_URL: own.url })).toEqual([activity]);
    expect(await listActivity({ ...UNSET, CONTROL_DATABASE_URL: control.url })).toEqual([]);
  } finally {
    await Promise.all([own.drop(), control.drop()]);
  }
});

async function listActivity(env: Parameters<typeof openLedger>[0]) {
  const ledger = await openLedger(env);
  try {
    return await ledger.listActivity();
  } finally {
    await ledger.close();
  }
}
