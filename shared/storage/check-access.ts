import {
  AbortMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetBucketPolicyCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { Env } from '#shared/config/env.ts';
import { PROBE_KEY } from '#shared/contracts/object-keys.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { type Grant, GRANTS, type Right, type StoreRole } from './access-roles.ts';
import { createAnonymousClient, createS3Client } from './s3-client.ts';
import { mapErrors } from './s3-objects.ts';

const VERBS: Readonly<Record<Right, string>> = {
  list: 'list the objects of',
  read: 'read objects of',
  write: 'write objects of',
  delete: 'delete objects of',
};

/** The client repeats requests. Without a limit, a store that does not respond would delay a start for minutes. */
const START_LIMIT_MS = 15_000;

/** Limits the requests of a start. The reason of the abort is STORE_UNAVAILABLE. */
export function startLimit({ S3_ENDPOINT }: Env, milliseconds = START_LIMIT_MS): AbortSignal {
  const ending = new AbortController();
  const late = new SluiceError(
    'STORE_UNAVAILABLE',
    `The object store at ${S3_ENDPOINT} did not respond within ${milliseconds / 1000} s.`,
    { details: { endpoint: S3_ENDPOINT } },
  );
  setTimeout(() => ending.abort(late), milliseconds).unref();
  return ending.signal;
}

/**
 * Checks at the start of a process that its key has the rights of `role` on both buckets, and that requests without a
 * key are rejected. Changes no object. Throws STORE_DENIED, STORE_PUBLIC, STORE_UNAVAILABLE (for a missing
 * bucket too), or the reason of the signal.
 */
export async function checkStoreAccess(env: Env, role: StoreRole, signal = startLimit(env)): Promise<void> {
  const client = abortedBy(signal, createS3Client(env));
  const anonymous = abortedBy(signal, createAnonymousClient(env));
  try {
    const [missing] = await missingRights(client, env, role);
    if (missing !== undefined) throw missing;
    const buckets = [env.LANDING_BUCKET, env.LAKE_BUCKET];
    const isOpen = await Promise.all(buckets.map((bucket) => isPublic(client, anonymous, bucket)));
    const open = buckets[isOpen.indexOf(true)];
    if (open !== undefined) throw publicBucket(open);
  } catch (thrown) {
    throw signal.aborted ? signal.reason : thrown;
  } finally {
    client.destroy();
    anonymous.destroy();
  }
}

/** The client, whose requests end when the signal is aborted. */
function abortedBy(signal: AbortSignal, client: S3Client): S3Client {
  const send = client.send.bind(client) as (command: unknown, options: object) => Promise<unknown>;
  client.send = ((command: unknown) => send(command, { abortSignal: signal })) as typeof client.send;
  return client;
}

/** An error for each right of `role` that the key of `client` lacks. Throws STORE_UNAVAILABLE. */
export async function missingRights(client: S3Client, env: Env, role: StoreRole): Promise<SluiceError[]> {
  const errors = await Promise.all(GRANTS[role].map((grant) => missingRight(client, env, { role, grant })));
  return errors.filter((error) => error !== undefined);
}

/** The rights are tried one after another, because the abort of an upload needs its id. */
async function missingRight(
  client: S3Client,
  env: Env,
  { role, grant }: { role: StoreRole; grant: Grant },
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
  if (right === 'delete') await tryDelete(client, object);
  if (right !== 'write') return;
  // An upload in parts that is never completed needs the right to write, and writes no object.
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(object));
  await client.send(new AbortMultipartUploadCommand({ ...object, UploadId }));
}

/** In a bucket with versioning, the deletion of a missing object adds a delete marker, which is removed again. */
async function tryDelete(client: S3Client, object: { Bucket: string; Key: string }): Promise<void> {
  const { DeleteMarker, VersionId } = await client.send(new DeleteObjectCommand(object));
  if (DeleteMarker !== true || VersionId === undefined) return;
  await client.send(new DeleteObjectCommand({ ...object, VersionId })).catch(ignoreDenied);
}

/** A key whose policy does not permit to delete versions leaves the marker. */
function ignoreDenied(thrown: unknown): void {
  if ((thrown as { name?: string }).name !== 'AccessDenied') throw thrown;
}

function ignoreMissing(thrown: unknown): void {
  if ((thrown as { name?: string }).name !== 'NoSuchKey') throw thrown;
}

function deniedRight(
  cause: SluiceError,
  { key, right, bucket, role }: { key: string | undefined; right: Right; bucket: string; role: StoreRole },
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
  return new SluiceError('STORE_PUBLIC', `Bucket ${bucket} can be accessed without a key.`, { details: { bucket } });
}

/** A statement of a bucket policy, as far as it is read. */
export interface BucketPolicyStatement {
  Effect?: string;
  Principal?: unknown;
  Condition?: object;
}

/** The text of a bucket policy, `none`, or `unknown` if the key may not read it or the server has no policies. */
export type BucketPolicy = { text: string } | 'none' | 'unknown';

/** Reads the policy of a bucket. Throws STORE_UNAVAILABLE. */
export async function readBucketPolicy(client: S3Client, bucket: string): Promise<BucketPolicy> {
  return mapErrors({ bucket }, undefined, async () => {
    try {
      const { Policy = '' } = await client.send(new GetBucketPolicyCommand({ Bucket: bucket }));
      return statementsOf(Policy) === undefined ? 'unknown' : { text: Policy };
    } catch (thrown) {
      if ((thrown as { name?: string }).name === 'NoSuchBucketPolicy') return 'none';
      const status = (thrown as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
      // Servers without bucket policies reply with 400, 404, 405 or 501.
      if (status !== undefined && (status < 500 || status === 501)) return 'unknown';
      throw thrown;
    }
  });
}

/** The statements of a bucket policy. Undefined if the text is not a bucket policy. */
export function statementsOf(policy: string): BucketPolicyStatement[] | undefined {
  try {
    const { Statement } = JSON.parse(policy) as { Statement?: BucketPolicyStatement | BucketPolicyStatement[] };
    return Statement === undefined ? undefined : [Statement].flat();
  } catch {
    return undefined;
  }
}

/** Whether a statement grants something to everyone. A condition can limit it to a network, so it is not counted. */
export function isAnonymousGrant({ Effect, Principal, Condition }: BucketPolicyStatement): boolean {
  if (Effect !== 'Allow' || (Condition !== undefined && Object.keys(Condition).length > 0)) return false;
  const principal = (Principal as { AWS?: unknown } | undefined)?.AWS ?? Principal;
  return [principal].flat().includes('*');
}

/**
 * Whether requests without a signature can list or read the bucket. `anonymous` sends them unsigned. Without the right
 * to list, a store hides whether an object exists, so only the policy shows a right to read.
 */
export async function answersAnonymously(anonymous: S3Client, bucket: string): Promise<boolean> {
  const requests = [
    () => anonymous.send(new ListObjectsV2Command({ Bucket: bucket, MaxKeys: 1 })),
    () => anonymous.send(new GetObjectCommand({ Bucket: bucket, Key: PROBE_KEY })),
  ];
  const answers = await Promise.all(
    requests.map((request) =>
      mapErrors({ bucket }, undefined, async () => {
        try {
          await request();
          return true;
        } catch (thrown) {
          if ((thrown as { name?: string }).name === 'NoSuchKey') return true;
          const status = (thrown as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
          if (status !== undefined && status < 500) return false;
          throw thrown;
        }
      }),
    ),
  );
  return answers.includes(true);
}
