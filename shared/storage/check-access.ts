import {
  AbortMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { Env } from '#shared/config/env.ts';
import { PROBE_KEY } from '#shared/contracts/object-keys.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { type Grant, GRANTS, type Right, type Role } from './access-roles.ts';
import { answersAnonymously, isAnonymousGrant, readBucketPolicy, statementsOf } from './public-access.ts';
import { createAnonymousClient, createS3Client } from './s3-client.ts';
import { mapErrors } from './s3-objects.ts';

const VERBS: Readonly<Record<Right, string>> = {
  list: 'list the objects of',
  read: 'read objects of',
  write: 'write objects of',
  delete: 'delete objects of',
};

/**
 * Checks at the start of a process that its key has the rights of `role` on both buckets, and that requests without a
 * key are rejected. Changes no object. Throws STORE_DENIED, STORE_PUBLIC, or STORE_UNAVAILABLE, also for a missing
 * bucket.
 */
export async function checkStoreAccess(env: Env, role: Role): Promise<void> {
  const client = createS3Client(env);
  const anonymous = createAnonymousClient(env);
  try {
    const [missing] = await missingRights(client, env, role);
    if (missing !== undefined) throw missing;
    const buckets = [env.LANDING_BUCKET, env.LAKE_BUCKET];
    const isOpen = await Promise.all(buckets.map((bucket) => isPublic(client, anonymous, bucket)));
    const open = buckets[isOpen.indexOf(true)];
    if (open !== undefined) throw publicBucket(open);
  } finally {
    client.destroy();
    anonymous.destroy();
  }
}

/** An error for each right of `role` that the key of `client` lacks. Throws STORE_UNAVAILABLE. */
export async function missingRights(client: S3Client, env: Env, role: Role): Promise<SluiceError[]> {
  const errors = await Promise.all(GRANTS[role].map((grant) => missingRight(client, env, { role, grant })));
  return errors.filter((error) => error !== undefined);
}

/** The rights are tried one after another, because the abort of an upload needs its id. */
async function missingRight(
  client: S3Client,
  env: Env,
  { role, grant }: { role: Role; grant: Grant },
): Promise<SluiceError | undefined> {
  const Bucket = env[grant.bucket];
  const Key = grant.keys.replace('*', PROBE_KEY);
  for (const right of grant.rights) {
    try {
      await mapErrors({ bucket: Bucket }, undefined, () => tryRight(client, right, { Bucket, Key }));
    } catch (thrown) {
      if (!(thrown instanceof SluiceError) || thrown.code !== 'STORE_DENIED') throw thrown;
      return deniedRight(thrown, { key: env.S3_ACCESS_KEY_ID, right, bucket: Bucket, role });
    }
  }
  return undefined;
}

async function tryRight(client: S3Client, right: Right, object: { Bucket: string; Key: string }): Promise<void> {
  if (right === 'list') await client.send(new ListObjectsV2Command({ Bucket: object.Bucket, MaxKeys: 1 }));
  if (right === 'read') await client.send(new GetObjectCommand(object)).catch(ignoreMissing);
  if (right === 'delete') await client.send(new DeleteObjectCommand(object));
  if (right !== 'write') return;
  // An upload in parts that is never completed needs the right to write, and writes no object.
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(object));
  await client.send(new AbortMultipartUploadCommand({ ...object, UploadId }));
}

function ignoreMissing(thrown: unknown): void {
  if ((thrown as { name?: string }).name !== 'NoSuchKey') throw thrown;
}

function deniedRight(
  cause: SluiceError,
  { key, right, bucket, role }: { key: string | undefined; right: Right; bucket: string; role: Role },
): SluiceError {
  const reason = (cause.cause as { name?: string } | undefined)?.name ?? 'AccessDenied';
  const message =
    reason === 'InvalidAccessKeyId' || reason === 'SignatureDoesNotMatch'
      ? `The object store does not accept the access key ${key} with its secret key (${reason}).`
      : `The access key ${key} cannot ${VERBS[right]} bucket ${bucket}, which the ${role} needs.`;
  return new SluiceError('STORE_DENIED', `${message} Run npx sluice setup-storage.`, {
    details: { bucket, right, role, access_key_id: key },
    cause,
  });
}

async function isPublic(client: S3Client, anonymous: S3Client, bucket: string): Promise<boolean> {
  const [policy, answers] = await Promise.all([
    readBucketPolicy(client, bucket),
    answersAnonymously(anonymous, bucket),
  ]);
  return answers || (typeof policy === 'object' && statementsOf(policy.text)?.some(isAnonymousGrant) === true);
}

function publicBucket(bucket: string): SluiceError {
  return new SluiceError(
    'STORE_PUBLIC',
    `Bucket ${bucket} can be accessed without a key. Run npx sluice setup-storage to remove the anonymous access.`,
    { details: { bucket } },
  );
}
