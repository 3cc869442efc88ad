import type { Env } from '#shared/config/env.ts';
import { ARCHIVE_PREFIX, MANIFESTS_PREFIX } from '#shared/contracts/object-keys.ts';

/** Who accesses the object store with a key of its own. A gateway with functions uses the key of the pipeline. */
export const STORE_ROLES = ['uploader', 'pipeline', 'gateway'] as const;
export type StoreRole = (typeof STORE_ROLES)[number];

export type Right = 'list' | 'read' | 'write' | 'delete';
export type Buckets = Pick<Env, 'LANDING_BUCKET' | 'LAKE_BUCKET'>;

/** Rights on objects of a bucket. `keys` is a pattern with `*`. The right to list always covers the whole bucket. */
export interface Grant {
  bucket: keyof Buckets;
  rights: readonly Right[];
  keys: string;
}

const ALL_KEYS = '*';
const ALL_RIGHTS: readonly Right[] = ['list', 'read', 'write', 'delete'];

/** The rights of each role. setup-storage grants exactly these, and the start of a process checks them. */
export const GRANTS: Readonly<Record<StoreRole, readonly Grant[]>> = {
  uploader: [
    { bucket: 'LANDING_BUCKET', rights: ALL_RIGHTS, keys: ALL_KEYS },
    { bucket: 'LAKE_BUCKET', rights: ['list', 'read'], keys: ALL_KEYS },
  ],
  pipeline: [
    { bucket: 'LANDING_BUCKET', rights: ALL_RIGHTS, keys: ALL_KEYS },
    { bucket: 'LAKE_BUCKET', rights: ALL_RIGHTS, keys: ALL_KEYS },
  ],
  gateway: [
    // Uploads through the API, and manifests whose notification was lost.
    { bucket: 'LANDING_BUCKET', rights: ['list', 'write'], keys: ALL_KEYS },
    { bucket: 'LANDING_BUCKET', rights: ['read'], keys: `${MANIFESTS_PREFIX}*` },
    // Downloads, reconciliation, late uploads of ended runs, and versions that a retention rule removes.
    { bucket: 'LAKE_BUCKET', rights: ['list', 'read', 'delete'], keys: ALL_KEYS },
    // The catalog without the removed versions.
    { bucket: 'LAKE_BUCKET', rights: ['write'], keys: '*.json' },
  ],
};

const OBJECT_ACTIONS: Readonly<Record<Exclude<Right, 'list'>, readonly string[]>> = {
  read: ['s3:GetObject'],
  write: ['s3:PutObject', 's3:AbortMultipartUpload', 's3:ListMultipartUploadParts'],
  delete: ['s3:DeleteObject'],
};
const LIST_ACTIONS = ['s3:ListBucket', 's3:GetBucketLocation', 's3:ListBucketMultipartUploads'];
/** The start of a process reads the bucket policy, to find anonymous access. */
const INSPECT_ACTION = 's3:GetBucketPolicy';

export interface PolicyStatement {
  Effect: 'Allow' | 'Deny';
  Action: string[];
  Resource: string[];
}

export interface PolicyDocument {
  Version: '2012-10-17';
  Statement: PolicyStatement[];
}

/** The policy of a role, in the language that MinIO and AWS share. */
export function policyOf(role: StoreRole, buckets: Buckets): PolicyDocument {
  const statements = GRANTS[role].flatMap((grant) => statementsOf(role, grant, buckets[grant.bucket]));
  return { Version: '2012-10-17', Statement: role === 'uploader' ? [...statements, keepArchive(buckets)] : statements };
}

function statementsOf(role: StoreRole, { rights, keys }: Grant, bucket: string): PolicyStatement[] {
  const objectActions = rights.flatMap((right) => (right === 'list' ? [] : OBJECT_ACTIONS[right]));
  const bucketActions = role === 'uploader' ? LIST_ACTIONS : [...LIST_ACTIONS, INSPECT_ACTION];
  return [
    ...(rights.includes('list') ? [allow(bucketActions, arnOf(bucket))] : []),
    ...(objectActions.length > 0 ? [allow(objectActions, arnOf(bucket, keys))] : []),
  ];
}

/** Archived manifests record what was ingested, so users must not change them. */
function keepArchive({ LANDING_BUCKET }: Buckets): PolicyStatement {
  const Action = [...OBJECT_ACTIONS.write.slice(0, 1), ...OBJECT_ACTIONS.delete];
  return { Effect: 'Deny', Action, Resource: [arnOf(LANDING_BUCKET, `${ARCHIVE_PREFIX}*`)] };
}

function allow(Action: string[], resource: string): PolicyStatement {
  return { Effect: 'Allow', Action, Resource: [resource] };
}

function arnOf(bucket: string, keys?: string): string {
  return `arn:aws:s3:::${bucket}${keys === undefined ? '' : `/${keys}`}`;
}

/** Whether two policies grant the same. Servers sort and reformat the policies that they store. */
export function isSamePolicy(left: unknown, right: unknown): boolean {
  return normalForm(left) === normalForm(right);
}

function normalForm(policy: unknown): string {
  const { Statement = [] } = (policy ?? {}) as { Statement?: Record<string, unknown>[] };
  return JSON.stringify(Statement.map((statement) => JSON.stringify(sortedStatement(statement))).sort());
}

/** Members that a server adds without a value are ignored. */
function sortedStatement(statement: Record<string, unknown>): [string, unknown][] {
  return Object.entries(statement)
    .filter(([, value]) => !isEmpty(value))
    .map(([name, value]): [string, unknown] => [name, isStringList(value) ? [...value].sort() : value])
    .sort(([left], [right]) => (left < right ? -1 : 1));
}

function isEmpty(value: unknown): boolean {
  return value === '' || value === null || (typeof value === 'object' && Object.keys(value).length === 0);
}

function isStringList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
