import { GetBucketLocationCommand } from '@aws-sdk/client-s3';
import type { Env } from '#shared/config/env.ts';
import { isSamePolicy, policyOf, type StoreRole, STORE_ROLES } from '#shared/storage/access-roles.ts';
import { missingRights } from '#shared/storage/check-access.ts';
import { createS3Client } from '#shared/storage/s3-client.ts';
import type { MinioAdmin, MinioUser } from './minio-admin.ts';
import type { SetupReport } from './report.ts';
import { type AccessKey, type SetupSettings, withKey } from './setup-settings.ts';

/** The name of the policy of a role. It contains the bucket, because several installations can share a server. */
export function policyName(role: StoreRole, env: Pick<Env, 'LANDING_BUCKET'>): string {
  return `sluice-${role}-${env.LANDING_BUCKET}`;
}

/** Creates policies and users in MinIO, and restores those that were changed. */
export async function setUsers(
  admin: MinioAdmin,
  { admin: env, users }: SetupSettings,
  report: SetupReport,
): Promise<void> {
  for (const role of STORE_ROLES) {
    const key = users.get(role);
    if (key === undefined) {
      reportMissingKey(role, report);
      continue;
    }
    await setPolicy(admin, role, { env, report });
    await setUser(admin, { role, key }, { env, report });
    const [problem] = await withClient(withKey(env, key), (client, own) => missingRights(client, own, role));
    if (problem !== undefined) throw problem; // MinIO or a group denies what the policy grants.
  }
}

/** Checks the keys of all roles on a server without MinIO's admin API, and reports the policies that are missing. */
export async function checkUsers({ admin: env, users }: SetupSettings, report: SetupReport): Promise<void> {
  for (const role of STORE_ROLES) {
    const key = users.get(role);
    if (key === undefined) {
      reportMissingKey(role, report);
      continue;
    }
    const problems = await withClient(withKey(env, key), (client, own) => missingRights(client, own, role));
    if (problems.length === 0) report.add('found', `user ${key.accessKeyId} with the rights of the ${role}`);
    else
      report.add(
        'to do',
        `Create the ${role} with the access key ${key.accessKeyId} and this policy, then run setup-storage again: ` +
          JSON.stringify(policyOf(role, env)),
      );
  }
}

function reportMissingKey(role: StoreRole, report: SetupReport): void {
  if (role !== 'gateway')
    report.add(
      'to do',
      `Set S3_${role.toUpperCase()}_ACCESS_KEY_ID and its secret, so that setup-storage can create the user of the ` +
        `${role}.`,
    );
}

interface Setup {
  env: Env;
  report: SetupReport;
}

async function setPolicy(admin: MinioAdmin, role: StoreRole, { env, report }: Setup): Promise<void> {
  const name = policyName(role, env);
  const wanted = policyOf(role, env);
  const existing = await admin.findPolicy(name);
  if (existing !== undefined && isSamePolicy(existing, wanted)) return report.add('found', `policy ${name}`);
  await admin.putPolicy(name, wanted);
  report.add(existing === undefined ? 'created' : 'changed', `policy ${name}`);
}

async function setUser(
  admin: MinioAdmin,
  { role, key }: { role: StoreRole; key: AccessKey },
  { env, report }: Setup,
): Promise<void> {
  const { accessKeyId, secretAccessKey } = key;
  const user = `user ${accessKeyId} (${role})`;
  const policy = policyName(role, env);
  const existing = await admin.findUser(accessKeyId);
  const changes = existing === undefined ? [] : await changesOf(existing, { key, policy, env });
  if (existing === undefined || changes.includes('status') || changes.includes('secret key'))
    await admin.putUser(accessKeyId, secretAccessKey);
  if (existing === undefined || changes.includes('policy')) await admin.attachPolicy(policy, accessKeyId);
  if (existing === undefined) report.add('created', user);
  else if (changes.length === 0) report.add('found', user);
  else report.add('changed', `${user}: ${changes.join(', ')}`);
  if (existing !== undefined && existing.groups.length > 0)
    report.add('to do', `Remove ${user} from the groups ${existing.groups.join(', ')}, whose policies also apply.`);
}

async function changesOf(
  { enabled, policies }: MinioUser,
  { key, policy, env }: { key: AccessKey; policy: string; env: Env },
): Promise<string[]> {
  return [
    ...(enabled ? [] : ['status']),
    ...((await hasSecret(withKey(env, key))) ? [] : ['secret key']),
    ...(policies.length === 1 && policies[0] === policy ? [] : ['policy']),
  ];
}

/** Whether the server accepts a signature with the secret key. MinIO does not return secret keys. */
function hasSecret(env: Env): Promise<boolean> {
  return withClient(env, async (client) => {
    try {
      await client.send(new GetBucketLocationCommand({ Bucket: env.LANDING_BUCKET }));
      return true;
    } catch (thrown) {
      return (thrown as { name?: string }).name === 'AccessDenied';
    }
  });
}

async function withClient<T>(
  env: Env,
  use: (client: ReturnType<typeof createS3Client>, env: Env) => Promise<T>,
): Promise<T> {
  const client = createS3Client(env);
  try {
    return await use(client, env);
  } finally {
    client.destroy();
  }
}
