import {
  DeleteBucketPolicyCommand,
  GetBucketVersioningCommand,
  PutBucketPolicyCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { ObjectStore } from '#shared/storage/object-store.ts';
import { answersAnonymously, isAnonymousGrant, readBucketPolicy, statementsOf } from '#shared/storage/check-access.ts';
import { mapErrors } from '#shared/storage/s3-objects.ts';
import type { SetupReport } from './report.ts';

/** Creates the bucket if it does not exist. */
export async function setBucket(
  store: Pick<ObjectStore, 'ensureBucket'>,
  bucket: string,
  report: SetupReport,
): Promise<void> {
  report.add((await store.ensureBucket(bucket)) ? 'created' : 'found', `bucket ${bucket}`);
}

/** Reports a bucket with versioning, which setup-storage does not turn off: someone may rely on it. */
export async function checkVersioning(client: S3Client, bucket: string, report: SetupReport): Promise<void> {
  const { Status } = await mapErrors({ bucket }, undefined, () =>
    client.send(new GetBucketVersioningCommand({ Bucket: bucket })),
  );
  if (Status === 'Enabled')
    report.add(
      'to do',
      `Turn off the versioning of bucket ${bucket}, or add a rule that expires noncurrent versions: deleted objects ` +
        'occupy storage until then.',
    );
  else report.add('found', `bucket ${bucket} without versioning`);
}

/** Removes the statements of the bucket policy that grant access to everyone. Other statements are preserved. */
export async function removeAnonymousAccess(
  { client, anonymous }: { client: S3Client; anonymous: S3Client },
  bucket: string,
  report: SetupReport,
): Promise<void> {
  const policy = await readBucketPolicy(client, bucket);
  const removed = typeof policy === 'object' && (await removeGrants(client, bucket, policy.text));
  if (removed) report.add('changed', `bucket ${bucket}: anonymous access removed`);
  if (await answersAnonymously(anonymous, bucket))
    report.add('to do', `Block the public access to bucket ${bucket}, which still accepts requests without a key.`);
  else if (!removed) report.add('found', `bucket ${bucket} without anonymous access`);
}

async function removeGrants(client: S3Client, bucket: string, policy: string): Promise<boolean> {
  const statements = statementsOf(policy) ?? [];
  const kept = statements.filter((statement) => !isAnonymousGrant(statement));
  if (kept.length === statements.length) return false;
  const Policy = JSON.stringify({ ...(JSON.parse(policy) as object), Statement: kept });
  await mapErrors({ bucket }, undefined, () =>
    kept.length === 0
      ? client.send(new DeleteBucketPolicyCommand({ Bucket: bucket }))
      : client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy })),
  );
  return true;
}
