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
import { mapErrors } from '#shared/storage/s3-objects.ts';
import type { SetupReport } from './report.ts';

/**
 * Sets the rule that notifies the webhook targets of manifests. Other rules are preserved. Throws SETUP_FAILED with the
 * settings that the server needs if it does not define the targets.
 */
export async function setNotifications(client: S3Client, env: Env, report: SetupReport): Promise<void> {
  const Bucket = env.LANDING_BUCKET;
  const arns = env.S3_NOTIFICATION_ARNS.split(',').map((arn) => arn.trim());
  const keys = `${Bucket}/${MANIFESTS_PREFIX}*${MANIFEST_SUFFIX}`;
  const rule = `notification of ${arns.map(targetId).join(' and ')} about ${keys}`;
  await mapErrors({ bucket: Bucket }, undefined, async () => {
    const existing = await client.send(new GetBucketNotificationConfigurationCommand({ Bucket }));
    if (hasManifestRules(existing, arns)) return report.add('found', rule);
    const NotificationConfiguration = withManifestRules(existing, arns);
    try {
      await client.send(new PutBucketNotificationConfigurationCommand({ Bucket, NotificationConfiguration }));
    } catch (thrown) {
      throw isUnknownTarget(thrown) ? missingTargets(env, arns, { report, cause: thrown }) : thrown;
    }
    report.add('created', rule);
  });
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

/** Reports the settings of the targets. The token is not shown, because the output of a job is kept in a log. */
function missingTargets(
  env: Env,
  arns: string[],
  { report, cause }: { report: SetupReport; cause: unknown },
): SluiceError {
  const webhook = { url: `${publicUrl(env)}/webhooks/minio`, token: 'WEBHOOK_TOKEN', queueFolder: QUEUE_FOLDER };
  for (const [name, value] of Object.entries(minioEnvironment(arns, webhook)))
    report.add('to do', `Set for the MinIO server: ${name}=${value}`);
  return new SluiceError(
    'SETUP_FAILED',
    `MinIO does not define the webhook targets ${arns.map(targetId).join(', ')}. Set the environment variables above ` +
      'for the MinIO server, with the value of WEBHOOK_TOKEN, the address of this gateway from that server, and any ' +
      'folder that MinIO can write to. Then restart MinIO, and run setup-storage again.',
    { cause, details: { targets: arns } },
  );
}

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
