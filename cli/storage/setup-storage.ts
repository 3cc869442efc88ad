import { setTimeout as sleep } from 'node:timers/promises';
import type { S3Client } from '@aws-sdk/client-s3';
import { type Env, publicUrl } from '#shared/config/env.ts';
import { MANIFESTS_PREFIX } from '#shared/contracts/object-keys.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { createAnonymousClient, createS3Client } from '#shared/storage/s3-client.ts';
import { openObjectStore } from '#shared/storage/s3.ts';
import { checkVersioning, removeAnonymousAccess, setBucket } from './buckets.ts';
import { lifecycleRules, setLifecycle } from './lifecycle.ts';
import { MinioAdmin } from './minio-admin.ts';
import { setNotifications } from './notifications.ts';
import { SetupReport } from './report.ts';
import { readSetupSettings, type SetupSettings } from './setup-settings.ts';
import { checkUsers, setUsers } from './users.ts';

export interface SetupOptions {
  /** Receives one line for each resource that exists, was created or changed, or is left to do. */
  print: (line: string) => void;
  /** Ends the waiting for the server. */
  signal: AbortSignal;
}

/**
 * Sets up the object store at S3_ENDPOINT: buckets, users with policies, notifications, lifecycle rules, and no
 * anonymous access. A repeat restores what was changed, and changes nothing else. On a server without MinIO's admin
 * API, it does what S3 can, and reports the rest. Throws CONFIG_INVALID, STORE_UNAVAILABLE after SETUP_WAIT_SECONDS,
 * STORE_DENIED, and SETUP_FAILED with what a person has to do.
 */
export async function setupStorage(env: Env, { print, signal }: SetupOptions): Promise<void> {
  const settings = readSetupSettings(env);
  const client = createS3Client(settings.admin);
  const anonymous = createAnonymousClient(settings.admin);
  try {
    const minio = await waitForServer(client, settings.admin, signal);
    const report = new SetupReport(print);
    await setUp(settings, { client, anonymous, minio, report });
    report.end();
  } finally {
    client.destroy();
    anonymous.destroy();
  }
}

interface Parts {
  client: S3Client;
  anonymous: S3Client;
  /** Undefined for a server without MinIO's admin API. */
  minio: MinioAdmin | undefined;
  report: SetupReport;
}

async function setUp(settings: SetupSettings, { client, anonymous, minio, report }: Parts): Promise<void> {
  const { admin: env } = settings;
  const buckets = [env.LANDING_BUCKET, env.LAKE_BUCKET];
  const store = openObjectStore(env);
  try {
    for (const bucket of buckets) await setBucket(store, bucket, report);
  } finally {
    store.close();
  }
  // Not every server has every part of S3. MinIO has what is needed.
  const tryTo = async (what: string, work: Promise<unknown>) => {
    if (minio !== undefined) await work;
    else await work.catch((thrown: unknown) => report.add('to do', `${what} ${reasonOf(thrown)}`));
  };
  for (const bucket of buckets) {
    await tryTo(`Check the versioning of bucket ${bucket}:`, checkVersioning(client, bucket, report));
    await tryTo(
      `Remove the anonymous access to bucket ${bucket}:`,
      removeAnonymousAccess({ client, anonymous }, bucket, report),
    );
    await tryTo(`Set the lifecycle rules of bucket ${bucket}:`, setRules(env, bucket, { client, minio, report }));
  }
  if (minio === undefined) await checkUsers(settings, report);
  else await setUsers(minio, settings, report);
  if (minio !== undefined || !env.S3_NOTIFICATION_ARNS.startsWith('arn:minio:'))
    await tryTo('Set the notifications:', setNotifications(client, env, report));
  else
    report.add(
      'to do',
      `Send notifications of objects that are created in ${env.LANDING_BUCKET}/${MANIFESTS_PREFIX} to ` +
        `${publicUrl(env)}/webhooks/minio, with the header "Authorization: Bearer WEBHOOK_TOKEN". ` +
        'Until then, Sluice finds manifests by listing the bucket.',
    );
}

/** A permanent error as the end of a line. Throws errors that a repeat of the command can avoid. */
function reasonOf(thrown: unknown): string {
  if (thrown instanceof SluiceError && !thrown.retryable) return thrown.message;
  throw thrown;
}

async function setRules(env: Env, bucket: string, { client, minio, report }: Omit<Parts, 'anonymous'>): Promise<void> {
  const expireDays = bucket === env.LANDING_BUCKET ? env.LANDING_RETENTION_DAYS : 0;
  // MinIO deletes incomplete uploads after a day, and ignores a rule for them.
  const rules = lifecycleRules({ expireDays, abortIncomplete: minio === undefined });
  const changed = await setLifecycle(client, bucket, rules);
  const kept = expireDays === 0 ? 'without expiry of files' : `that deletes files after ${expireDays} days`;
  report.add(changed ? 'changed' : 'found', `bucket ${bucket} ${kept}`);
}

const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 4_000;

/**
 * Resolves when the server answers signed requests, with its admin API if it has one. Throws STORE_UNAVAILABLE after
 * SETUP_WAIT_SECONDS, and immediately for an invalid certificate, which waiting does not correct.
 */
async function waitForServer(
  client: S3Client,
  env: SetupSettings['admin'],
  signal: AbortSignal,
): Promise<MinioAdmin | undefined> {
  const admin = new MinioAdmin(client, env.S3_ENDPOINT);
  const deadline = Date.now() + env.SETUP_WAIT_SECONDS * 1000;
  for (let delay = FIRST_DELAY_MS; ; delay = Math.min(2 * delay, LONGEST_DELAY_MS)) {
    try {
      if (!(await admin.exists())) return undefined;
      await admin.findUser('sluice-setup'); // Fails while MinIO loads its users.
      return admin;
    } catch (thrown) {
      const isTransient = thrown instanceof SluiceError && thrown.retryable && !('certificate' in thrown.details);
      if (!isTransient) throw thrown;
      if (Date.now() + delay > deadline) throw notReady(thrown, env);
    }
    await sleep(delay, undefined, { signal });
  }
}

function notReady(cause: SluiceError, { S3_ENDPOINT, SETUP_WAIT_SECONDS }: SetupSettings['admin']): SluiceError {
  return new SluiceError(
    'STORE_UNAVAILABLE',
    `The object store at ${S3_ENDPOINT} was not ready within ${SETUP_WAIT_SECONDS} s (SETUP_WAIT_SECONDS). ` +
      cause.message,
    { cause, details: cause.details },
  );
}
