import {
  DeleteBucketLifecycleCommand,
  GetBucketLifecycleConfigurationCommand,
  type LifecycleRule,
  PutBucketLifecycleConfigurationCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { mapErrors } from '#shared/storage/s3-objects.ts';

/** Age of the parts of an incomplete upload. A large upload over a slow line can last for days. */
const INCOMPLETE_UPLOAD_DAYS = 7;
const EXPIRY_RULE = 'sluice-landing-files';
const INCOMPLETE_RULE = 'sluice-incomplete-uploads';

/** The rules of Sluice for a bucket. `expireDays` 0 keeps the objects. */
export function lifecycleRules(options: { expireDays: number; abortIncomplete: boolean }): LifecycleRule[] {
  const everyObject = { Status: 'Enabled', Filter: { Prefix: '' } } as const;
  const rules: LifecycleRule[] = [];
  if (options.expireDays > 0) rules.push({ ID: EXPIRY_RULE, ...everyObject, Expiration: { Days: options.expireDays } });
  if (options.abortIncomplete)
    rules.push({
      ID: INCOMPLETE_RULE,
      ...everyObject,
      AbortIncompleteMultipartUpload: { DaysAfterInitiation: INCOMPLETE_UPLOAD_DAYS },
    });
  return rules;
}

/** The rules of a bucket after the setup: those of Sluice, and all others unchanged. Undefined if nothing changes. */
export function changedRules(existing: LifecycleRule[], wanted: LifecycleRule[]): LifecycleRule[] | undefined {
  const isOurs = ({ ID }: LifecycleRule) => ID === EXPIRY_RULE || ID === INCOMPLETE_RULE;
  const facts = (rules: LifecycleRule[]) =>
    JSON.stringify(
      rules
        .map((rule) => [
          rule.ID,
          rule.Status,
          rule.Filter?.Prefix ?? '',
          rule.Expiration?.Days ?? 0,
          rule.AbortIncompleteMultipartUpload?.DaysAfterInitiation ?? 0,
        ])
        .sort(),
    );
  if (facts(existing.filter(isOurs)) === facts(wanted)) return undefined;
  return [...existing.filter((rule) => !isOurs(rule)), ...wanted];
}

/** Sets the rules of Sluice. Returns whether they were changed. Throws STORE_DENIED, STORE_UNAVAILABLE. */
export async function setLifecycle(client: S3Client, bucket: string, wanted: LifecycleRule[]): Promise<boolean> {
  return mapErrors({ bucket }, undefined, async () => {
    const rules = changedRules(await readRules(client, bucket), wanted);
    if (rules === undefined) return false;
    if (rules.length === 0) await client.send(new DeleteBucketLifecycleCommand({ Bucket: bucket }));
    else
      await client.send(
        new PutBucketLifecycleConfigurationCommand({ Bucket: bucket, LifecycleConfiguration: { Rules: rules } }),
      );
    return true;
  });
}

async function readRules(client: S3Client, bucket: string): Promise<LifecycleRule[]> {
  try {
    return (await client.send(new GetBucketLifecycleConfigurationCommand({ Bucket: bucket }))).Rules ?? [];
  } catch (thrown) {
    if ((thrown as { name?: string }).name === 'NoSuchLifecycleConfiguration') return [];
    throw thrown;
  }
}
