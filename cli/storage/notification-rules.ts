import { MANIFESTS_PREFIX, MANIFEST_SUFFIX } from '#shared/contracts/object-keys.ts';
import type { NotificationConfiguration, QueueConfiguration } from '@aws-sdk/client-s3';

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

/** The maximum number of events that MinIO stores while the gateway does not answer. This is MinIO's default. */
const QUEUE_LIMIT = 100_000;

/**
 * The environment variables that define the targets in MinIO. The first target stores events in a folder until they are
 * acknowledged, but sends them up to 3 s late. The others send immediately, and lose events while the gateway does not
 * answer.
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
