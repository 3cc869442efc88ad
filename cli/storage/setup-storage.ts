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
 * Sets up the object store at S3_ENDPOINT: both buckets, and the rule by which the landing bucket announces manifests to this
 * gateway. Safe to repeat: what is there already stays, other rules too. Tells `print` in plain words what it did.
 * Throws CONFIG_INVALID without S3_ENDPOINT, and SETUP_FAILED with the settings that the server lacks.
 */
export async function setupStorage(
  env: Env,
  print: (line: string) => void = (line) => void process.stdout.write(`${line}\n`),
): Promise<void> {
  if (env.S3_ENDPOINT === undefined) {
    throw new SluiceError(
      'CONFIG_INVALID',
      'S3_ENDPOINT is not set. The embedded object store needs no set-up; set S3_ENDPOINT, S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY to use another one.',
    );
  }
  // MinIO sends a token of two words as scheme and value, and one of more not at all.
  if (/\s/.test(env.WEBHOOK_TOKEN ?? ''))
    throw new SluiceError(
      'CONFIG_INVALID',
      'WEBHOOK_TOKEN holds a space, so MinIO would not send it as it is. Choose one without.',
    );
  const arns = targetArns(env);
  const store = openObjectStore(env);
  const client = createS3Client(env);
  try {
    for (const bucket of [env.LANDING_BUCKET, env.LAKE_BUCKET]) {
      await store.ensureBucket(bucket);
      print(`Bucket ${bucket} is there.`);
    }
    await setRule(client, env, arns, print);
  } finally {
    client.destroy();
    store.close();
  }
  print(
    env.WEBHOOK_TOKEN === undefined
      ? 'WEBHOOK_TOKEN is not set, so the gateway refuses notifications: start Sluice with the token that the targets send.'
      : `Sluice is ready for manifests in s3://${env.LANDING_BUCKET}/${MANIFESTS_PREFIX}.`,
  );
}

async function setRule(client: S3Client, env: Env, arns: string[], print: (line: string) => void): Promise<void> {
  const Bucket = env.LANDING_BUCKET;
  const targets = arns.map(targetId).join(' and ');
  const existing = await client.send(new GetBucketNotificationConfigurationCommand({ Bucket }));
  if (hasManifestRules(existing, arns)) {
    print(`Bucket ${Bucket} announces ${MANIFESTS_PREFIX}*${MANIFEST_SUFFIX} to ${targets} already.`);
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
  print(`Bucket ${Bucket} announces ${MANIFESTS_PREFIX}*${MANIFEST_SUFFIX} to ${targets} from now on.`);
}

function targetArns(env: Env): string[] {
  const arns = env.S3_NOTIFICATION_ARNS.split(',')
    .map((arn) => arn.trim())
    .filter(Boolean);
  const wrong = arns.find((arn) => !/^arn:[^:]+:sqs:[^:]*:[^:]+:[^:]+$/.test(arn));
  if (arns.length > 0 && wrong === undefined) return arns;
  throw new SluiceError(
    'CONFIG_INVALID',
    `S3_NOTIFICATION_ARNS: ${JSON.stringify(wrong ?? '')} is not an ARN such as arn:minio:sqs::SLUICE_QUEUED:webhook.`,
  );
}

/** MinIO has one code for all it dislikes in a rule; only this text tells an unknown target from the rest. */
function isUnknownTarget(thrown: unknown): boolean {
  return (
    thrown instanceof Error &&
    thrown.name === 'InvalidArgument' &&
    /destination ARN does not exist/i.test(thrown.message)
  );
}

/** A folder that MinIO's packages and images let it write to may lie elsewhere: the text says so. */
const QUEUE_FOLDER = '/var/lib/minio-events';
const TOKEN_BYTES = 24;

function missingTargets(env: Env, arns: string[], cause: unknown): SluiceError {
  const token = env.WEBHOOK_TOKEN ?? randomBytes(TOKEN_BYTES).toString('hex');
  const lines = Object.entries(
    minioEnvironment(arns, { url: `${publicUrl(env)}/webhooks/minio`, token, queueFolder: QUEUE_FOLDER }),
  ).map(([name, value]) => `  ${name}=${value}`);
  const start = env.WEBHOOK_TOKEN === undefined ? `\nand start Sluice with\n  WEBHOOK_TOKEN=${token}` : '';
  const message = [
    `The server at ${env.S3_ENDPOINT} lacks the webhook targets ${arns.map(targetId).join(', ')}.`,
    `Give the MinIO server these variables (${QUEUE_FOLDER} may be any folder that it can write to; the endpoint is this gateway as the server reaches it):`,
    ...lines,
  ].join('\n');
  return new SluiceError('SETUP_FAILED', `${message}${start}\nThen restart MinIO and run setup-storage again.`, {
    cause,
    details: { targets: arns },
  });
}
