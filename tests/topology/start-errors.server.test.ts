import { existsSync, mkdtempSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { MongoClient } from 'mongodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openMongoLedger } from '#shared/ledger/mongodb/mongodb-ledger.ts';
import { mongoDatabase, NEEDS_MONGODB, NEEDS_OWN_MONGODB, type OwnMongo, startOwnMongo } from '../mongodb.ts';
import { createDatabase, startObjectStore, STORE_KEY_VARIABLES } from '../servers.ts';
import { Program } from './program.ts';

/** Settings with which the gateway and the functions cannot start. Each prints one error, and nothing stays behind. */

let variables: Record<string, string>;
let home: string;
const closing: (() => Promise<unknown>)[] = [];
beforeAll(async () => {
  const [control, store] = await Promise.all([createDatabase({ postgis: true }), startObjectStore()]);
  home = mkdtempSync(join(tmpdir(), 'sluice-start-'));
  closing.push(
    control.drop,
    () => store.stop(),
    () => rm(home, { recursive: true, force: true }),
  );
  variables = {
    SLUICE_HOME: home,
    LOG_LEVEL: 'info',
    PORT: '0',
    FUNCTION_URL: 'http://127.0.0.1:9/{name}',
    CONTROL_DATABASE_URL: control.url,
    POSTGIS_URL: control.url,
    S3_ENDPOINT: store.endpoint,
    ...STORE_KEY_VARIABLES,
  };
});
afterAll(async () => {
  for (const close of closing) await close();
});

/** The only line of a program that cannot start. */
async function refusal(script: string[], changed: Record<string, string>) {
  const ended = await execa('node', script, { env: { ...variables, ...changed }, reject: false });
  expect([ended.exitCode, ended.stdout]).toEqual([1, '']);
  const { error, advice } = JSON.parse(ended.stderr) as { error: { code: string; message: string }; advice: string };
  return { ...error, advice };
}

async function expectRefused(changed: Record<string, string>, code: string, message: RegExp): Promise<void> {
  for (const script of [['gateway/container.ts'], ['shared/runtime/function-process.ts', 'archive']]) {
    const refused = await refusal(script, changed);
    expect(refused).toMatchObject({ code, message: expect.stringMatching(message) as string });
    expect(refused.advice).not.toBe('');
  }
  expect(existsSync(home) ? readdirSync(home).filter((name) => name !== 'scratch') : []).toEqual([]);
}

test('a MongoDB server that does not exist', async () => {
  const LEDGER_URL = 'mongodb://127.0.0.1:9/sluice?serverSelectionTimeoutMS=200';
  await expectRefused(
    { LEDGER_URL },
    'DATABASE_UNAVAILABLE',
    /^MongoDB does not respond: .*ECONNREFUSED 127\.0\.0\.1:9$/,
  );
});

test('weak secrets, unless SLUICE_ENV is development', async () => {
  const refused = await refusal(['gateway/container.ts'], { WEBHOOK_TOKEN: 'change-me', SLUICE_ENV: 'production' });
  expect(refused).toMatchObject({
    code: 'CONFIG_INVALID',
    message:
      'The secrets are not safe: WEBHOOK_TOKEN has fewer than 16 characters. Generate secrets with "openssl rand -hex ' +
      '20", or set SLUICE_ENV=development on a machine that nobody else can reach.',
  });

  const folder = mkdtempSync(join(tmpdir(), 'sluice-weak-'));
  closing.push(() => rm(folder, { recursive: true, force: true }));
  const gateway = new Program(['gateway/container.ts'], {
    ...variables,
    SLUICE_HOME: folder,
    WEBHOOK_TOKEN: 'change-me',
    SLUICE_ENV: 'development',
  });
  closing.unshift(() => gateway.end('SIGKILL'));
  await gateway.start('Sluice:Start:Done');
  expect(await gateway.end('SIGTERM')).toBe(0);
});

describe.skipIf(mongoDatabase() === undefined)(mongoDatabase() ? 'with a MongoDB server' : NEEDS_MONGODB, () => {
  test('a ledger that a newer release has upgraded', async () => {
    const LEDGER_URL = mongoDatabase() ?? '';
    await (await openMongoLedger(LEDGER_URL)).close();
    const client = new MongoClient(LEDGER_URL);
    const states = client.db(new URL(LEDGER_URL).pathname.slice(1)).collection('ledger_state');
    await states.updateOne({}, { $set: { format: 99, release: '9.0.0' } });
    await client.close();
    await expectRefused({ LEDGER_URL }, 'LEDGER_TOO_NEW', /^The ledger was upgraded to format 99 by Sluice 9\.0\.0; /);
  });

  describe('without a replica set', () => {
    let standalone: OwnMongo | undefined;
    beforeAll(async () => {
      standalone = await startOwnMongo({ standalone: true });
    });
    afterAll(() => standalone?.stop());

    test.for<[string, RegExp]>([
      ['', /^The MongoDB server of LEDGER_URL is not a replica set, .* one server is enough\.$/],
      [
        '&replicaSet=rs0&directConnection=false',
        /^LEDGER_URL names the replica set rs0, but .*, or correct LEDGER_URL\.$/,
      ],
    ])('a standalone server, with the options "%s"', async ([options, message], { skip }) => {
      if (standalone === undefined) return skip(NEEDS_OWN_MONGODB);
      const LEDGER_URL = `${standalone.url}&serverSelectionTimeoutMS=500${options}`.replace(
        '?directConnection=true&',
        '?',
      );
      await expectRefused({ LEDGER_URL }, options === '' ? 'SETUP_FAILED' : 'CONFIG_INVALID', message);
    });
  });
});
