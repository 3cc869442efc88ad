import { MANIFESTS_PREFIX, MANIFEST_SUFFIX } from '#shared/contracts/object-keys.ts';
import type { NotificationConfiguration, QueueConfiguration } from '@aws-sdk/client-s3';

/** The rule that announces manifests, as a bucket's notification configuration, and MinIO's settings for its targets. Pure. */

const FILTER_RULES = [
  { Name: 'prefix', Value: MANIFESTS_PREFIX },
  { Name: 'suffix', Value: MANIFEST_SUFFIX },
] as const;

/** What a server sends back is told from what we would send by these names. */
export function ruleId(arn: string): string {
  return `sluice-${targetId(arn)}`;
}

/** The identifier of a target within its ARN: `SLUICE_QUEUED` of `arn:minio:sqs::SLUICE_QUEUED:webhook`. */
export function targetId(arn: string): string {
  return arn.split(':')[4] ?? '';
}

/** The configuration with exactly one rule of ours for each target; all other rules stay as they are. */
export function withManifestRules(existing: NotificationConfiguration, arns: string[]): NotificationConfiguration {
  const ids = new Set(arns.map(ruleId));
  const others = (existing.QueueConfigurations ?? []).filter(
    (rule) => !ids.has(rule.Id ?? '') && !arns.some((arn) => announcesManifests(rule, arn)),
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

/** True when the bucket announces manifests to every target already. */
export function hasManifestRules(existing: NotificationConfiguration, arns: string[]): boolean {
  return arns.every((arn) => existing.QueueConfigurations?.some((rule) => announcesManifests(rule, arn)));
}

/** A rule with our filter and target, whoever made it. MinIO puts its region into the ARN, so only the identifier and kind count. */
function announcesManifests(rule: QueueConfiguration, arn: string): boolean {
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

/** Events that a queue folder keeps at most while the gateway is away; MinIO's own default. */
const QUEUE_LIMIT = 100_000;

/**
 * The environment of a MinIO server that makes the targets: the first keeps its events in a folder until they are
 * acknowledged, the others send at once and forget (design section 3).
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
