import { GetBucketPolicyCommand, GetObjectCommand, ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3';
import { PROBE_KEY } from '#shared/contracts/object-keys.ts';
import { mapErrors } from './s3-objects.ts';

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

/** Undefined for a text that is not a bucket policy. */
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
