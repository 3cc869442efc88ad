import { randomBytes } from 'node:crypto';
import {
  GetBucketNotificationConfigurationCommand,
  type NotificationConfiguration,
  PutBucketNotificationConfigurationCommand,
  type QueueConfiguration,
  type S3Client,
} from '@aws-sdk/client-s3';
import { type Env, publicUrl } from '#shared/config/env.ts';
import { MANIFEST_SUFFIX, MANIFESTS_PREFIX } from '#shared/contracts/object-keys.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { createS3Client } from '#shared/storage/s3-client.ts';
import { openObjectStore } from '#shared/storage/s3.ts';

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

/** The notification rule for uploaded manifests, and the MinIO settings of its webhook targets. */

const FILTER_RULES = [
  { Name: 'prefix', Value: MANIFESTS_PREFIX },
  { Name: 'suffix', Value: MANIFEST_SUFFIX },
] as const;

/** The name of the rule for a target. Rules of Sluice are recognized by their names. */
export function ruleId(arn: string): string {
  return `sluice-${targetId(arn)}`;
}

/** The identifier of a target within its ARN: `SLUICE_QUEUED` of `arn:minio:sqs::SLUICE_QUEUED:webhook`. */
export function targetId(arn: string): string {
  return arn.split(':')[4] ?? '';
}

/** Adds exactly one rule of Sluice for each target. All other rules are preserved. */
export function withManifestRules(existing: NotificationConfiguration, arns: string[]): NotificationConfiguration {
  const ids = new Set(arns.map(ruleId));
  const others = (existing.QueueConfigurations ?? []).filter(
    (rule) => !ids.has(rule.Id ?? '') && !arns.some((arn) => notifiesOfManifests(rule, arn)),
  );
  const ours: QueueConfiguration[] = arns.map((arn) => ({
    Id: ruleId(arn),
    QueueArn: arn,
    Events: ['s3:ObjectCreated:*'],
    Filter: { Key: { FilterRules: FILTER_RULES.map((rule) => ({ ...rule })) } },
  }));
  const { TopicConfigurations, LambdaFunctionConfigurations, EventBridgeConfiguration } = existing;
  return {
    TopicConfigurations,
    LambdaFunctionConfigurations,
    EventBridgeConfiguration,
    QueueConfigurations: [...others, ...ours],
  };
}

/** Whether the bucket already notifies every target of manifests. */
export function hasManifestRules(existing: NotificationConfiguration, arns: string[]): boolean {
  return arns.every((arn) => existing.QueueConfigurations?.some((rule) => notifiesOfManifests(rule, arn)));
}

/** Whether a rule has the filter and target of Sluice. The region of the ARN may differ, because MinIO adds its own. */
function notifiesOfManifests(rule: QueueConfiguration, arn: string): boolean {
  const target = (text: string) => text.split(':').slice(4).join(':');
  const filters = (rule.Filter?.Key?.FilterRules ?? [])
    .map(({ Name, Value }) => `${Name?.toLowerCase()}=${Value}`)
    .sort();
  return (
    target(rule.QueueArn ?? '') === target(arn) &&
    rule.Events?.length === 1 &&
    rule.Events[0] === 's3:ObjectCreated:*' &&
    filters.join() === FILTER_RULES.map(({ Name, Value }) => `${Name}=${Value}`).join()
  );
}

/** The maximum number of events that MinIO stores while the gateway does not respond. This is MinIO's default. */
const QUEUE_LIMIT = 100_000;

/**
 * The environment variables that define the targets in MinIO. The first target stores events in a folder until they are
 * acknowledged, but sends them up to 3 s late. The others send immediately, and lose events while the gateway does not
 * respond.
 */
export function minioEnvironment(
  arns: string[],
  webhook: { url: string; token: string; queueFolder: string },
): Record<string, string> {
  const settings = arns.flatMap((arn, index) => {
    const id = targetId(arn);
    const queue =
      index === 0
        ? {
            [`MINIO_NOTIFY_WEBHOOK_QUEUE_DIR_${id}`]: webhook.queueFolder,
            [`MINIO_NOTIFY_WEBHOOK_QUEUE_LIMIT_${id}`]: String(QUEUE_LIMIT),
          }
        : {};
    return Object.entries({
      [`MINIO_NOTIFY_WEBHOOK_ENABLE_${id}`]: 'on',
      [`MINIO_NOTIFY_WEBHOOK_ENDPOINT_${id}`]: webhook.url,
      [`MINIO_NOTIFY_WEBHOOK_AUTH_TOKEN_${id}`]: webhook.token,
      ...queue,
    });
  });
  return Object.fromEntries(settings);
}
