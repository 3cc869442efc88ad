import { MANIFESTS_PREFIX, MANIFEST_SUFFIX } from '#shared/contracts/object-keys.ts';
import { randomBytes } from 'node:crypto';
import {
  GetBucketNotificationConfigurationCommand,
  PutBucketNotificationConfigurationCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { type Env, publicUrl } from '#shared/config/env.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { openObjectStore } from '#shared/storage/s3.ts';
import { createS3Client } from '#shared/storage/s3-client.ts';
import { hasManifestRules, minioEnvironment, targetId, withManifestRules } from './notification-rules.ts';

/**
 * Sets up the object store at S3_ENDPOINT: both buckets, and the rule that notifies this gateway of manifests in the
 * landing bucket. Can be repeated: existing buckets and other rules are preserved. Reports each change to `print`.
 * Throws CONFIG_INVALID without S3_ENDPOINT, and SETUP_FAILED with the settings that the server needs.
 */
export async function setupStorage(
  env: Env,
  print: (line: string) => void = (line) => void process.stdout.write(`${line}\n`),
): Promise<void> {
  if (env.S3_ENDPOINT === undefined) {
    throw new SluiceError(
      'CONFIG_INVALID',
      'S3_ENDPOINT is not set. The embedded object store needs no setup. To use another object store, ' +
        'set S3_ENDPOINT, S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY.',
    );
  }
  // MinIO sends a token of two words as scheme and value, and does not send a token of more words.
  if (/\s/.test(env.WEBHOOK_TOKEN ?? ''))
    throw new SluiceError(
      'CONFIG_INVALID',
      'WEBHOOK_TOKEN contains white space, which MinIO does not send correctly. Choose a token without white space.',
    );
  const arns = targetArns(env);
  const store = openObjectStore(env);
  const client = createS3Client(env);
  try {
    for (const bucket of [env.LANDING_BUCKET, env.LAKE_BUCKET]) {
      await store.ensureBucket(bucket);
      print(`Bucket ${bucket} exists.`);
    }
    await setRule(client, env, arns, print);
  } finally {
    client.destroy();
    store.close();
  }
  print(
    env.WEBHOOK_TOKEN === undefined
      ? 'WEBHOOK_TOKEN is not set, so the gateway rejects notifications. Start Sluice with the token of the targets.'
      : `Sluice receives manifests uploaded to s3://${env.LANDING_BUCKET}/${MANIFESTS_PREFIX}.`,
  );
}

async function setRule(client: S3Client, env: Env, arns: string[], print: (line: string) => void): Promise<void> {
  const Bucket = env.LANDING_BUCKET;
  const targets = arns.map(targetId).join(' and ');
  const existing = await client.send(new GetBucketNotificationConfigurationCommand({ Bucket }));
  if (hasManifestRules(existing, arns)) {
    print(`Bucket ${Bucket} already notifies ${targets} of ${MANIFESTS_PREFIX}*${MANIFEST_SUFFIX}.`);
    return;
  }
  try {
    await client.send(
      new PutBucketNotificationConfigurationCommand({
        Bucket,
        NotificationConfiguration: withManifestRules(existing, arns),
      }),
    );
  } catch (thrown) {
    throw isUnknownTarget(thrown) ? missingTargets(env, arns, thrown) : thrown;
  }
  print(`Bucket ${Bucket} now notifies ${targets} of ${MANIFESTS_PREFIX}*${MANIFEST_SUFFIX}.`);
}

function targetArns(env: Env): string[] {
  const arns = env.S3_NOTIFICATION_ARNS.split(',')
    .map((arn) => arn.trim())
    .filter(Boolean);
  const invalid = arns.find((arn) => !/^arn:[^:]+:sqs:[^:]*:[^:]+:[^:]+$/.test(arn));
  if (arns.length > 0 && invalid === undefined) return arns;
  throw new SluiceError(
    'CONFIG_INVALID',
    `S3_NOTIFICATION_ARNS contains ${JSON.stringify(invalid ?? '')}, which is not an ARN. ` +
      'Use ARNs such as arn:minio:sqs::SLUICE_QUEUED:webhook.',
  );
}

/** MinIO returns one code for every invalid rule. Only this text identifies an unknown target. */
function isUnknownTarget(thrown: unknown): boolean {
  return (
    thrown instanceof Error &&
    thrown.name === 'InvalidArgument' &&
    /destination ARN does not exist/i.test(thrown.message)
  );
}

/** An example folder. Other packages and images of MinIO may write to another one. */
const QUEUE_FOLDER = '/var/lib/minio-events';
const TOKEN_BYTES = 24;

function missingTargets(env: Env, arns: string[], cause: unknown): SluiceError {
  const token = env.WEBHOOK_TOKEN ?? randomBytes(TOKEN_BYTES).toString('hex');
  const lines = Object.entries(
    minioEnvironment(arns, { url: `${publicUrl(env)}/webhooks/minio`, token, queueFolder: QUEUE_FOLDER }),
  ).map(([name, value]) => `  ${name}=${value}`);
  const start = env.WEBHOOK_TOKEN === undefined ? `\nStart Sluice with\n  WEBHOOK_TOKEN=${token}` : '';
  const message = [
    `The server at ${env.S3_ENDPOINT} does not define the webhook targets ${arns.map(targetId).join(', ')}.`,
    'Set these environment variables for the MinIO server. ' +
      `${QUEUE_FOLDER} may be any folder that MinIO can write to. ` +
      'The endpoint is the address of this gateway from that server.',
    ...lines,
  ].join('\n');
  return new SluiceError('SETUP_FAILED', `${message}${start}\nThen restart MinIO and run setup-storage again.`, {
    cause,
    details: { targets: arns },
  });
}
