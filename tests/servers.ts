import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { inject } from 'vitest';
import { type Env, parseEnv } from '#shared/config/env.ts';
import { startObjectStore as startEmbeddedStore } from '../gateway/embedded/object-store.ts';
import { mongoDatabase, NEEDS_MONGODB } from './mongodb.ts';

/** Creates a database in the test cluster, optionally with PostGIS. */
export async function createDatabase(
  options: { postgis?: boolean } = {},
): Promise<{ url: string; drop(): Promise<void> }> {
  const admin = inject('postgresUrl');
  const name = `t_${randomBytes(6).toString('hex')}`;
  await run(admin, `create database ${name}${options.postgis ? ' template template_postgis' : ''}`);
  return {
    url: admin.replace('/postgres?', `/${name}?`),
    drop: () => run(admin, `drop database if exists ${name} with (force)`),
  };
}

async function run(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

/**
 * The variables of a control database. With the ledger `mongodb`, by default of SLUICE_TEST_LEDGER, the ledger is a
 * MongoDB database of the same name.
 */
export function controlVariables(
  url: string,
  ledger = process.env.SLUICE_TEST_LEDGER,
): Record<string, string> & { CONTROL_DATABASE_URL: string } {
  if (ledger !== 'mongodb') return { CONTROL_DATABASE_URL: url };
  const mongo = mongoDatabase(/\/([^/?]+)(?:\?|$)/.exec(url)?.[1]);
  assert(mongo !== undefined, NEEDS_MONGODB);
  return { CONTROL_DATABASE_URL: url, LEDGER_URL: mongo };
}

/** The keys of the object stores of the tests. `testEnv` contains them. */
export const STORE_KEYS = { accessKeyId: 'SLUICETEST', secretAccessKey: 'secret-of-the-tests' };
/** The variables with these keys, for programs that do not use `testEnv`. */
export const STORE_KEY_VARIABLES = {
  S3_ACCESS_KEY_ID: STORE_KEYS.accessKeyId,
  S3_SECRET_ACCESS_KEY: STORE_KEYS.secretAccessKey,
};

/** Starts the embedded object store on a free port, with empty buckets. */
export async function startObjectStore(
  onNotification: (body: unknown) => void = () => undefined,
): Promise<{ endpoint: string; stop(): Promise<void> }> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-s3-'));
  const store = await startEmbeddedStore({
    directory,
    port: 0,
    buckets: ['landing-zone', 'data-lake'],
    keys: STORE_KEYS,
    onNotification,
  });
  return {
    endpoint: store.endpoint,
    stop: async () => {
      await store.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** The default environment with these variables, without log output, and with a new scratch folder. */
export function testEnv(variables: Record<string, string> = {}): Env {
  const scratch = mkdtempSync(join(tmpdir(), 'sluice-scratch-'));
  return parseEnv({ LOG_LEVEL: 'silent', SCRATCH_DIR: scratch, ...STORE_KEY_VARIABLES, ...variables });
}
