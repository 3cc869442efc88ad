import type { Env } from '#shared/config/env.ts';
import { weakSecretProblems } from '#shared/config/secret-rules.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { type StoreRole, STORE_ROLES } from '#shared/storage/access-roles.ts';

export interface AccessKey {
  accessKeyId: string;
  secretAccessKey: string;
}

export interface SetupSettings {
  /** The environment with the key of the administrator as S3_ACCESS_KEY_ID. */
  admin: Env & { S3_ENDPOINT: string };
  /** Roles without a key get no user. */
  users: ReadonlyMap<StoreRole, AccessKey>;
}

/**
 * The settings of setup-storage. Throws CONFIG_INVALID without S3_ENDPOINT, for two roles with one key, and for missing
 * and weak secrets unless SLUICE_ENV is `development`.
 */
export function readSetupSettings(env: Env): SetupSettings {
  if (env.S3_ENDPOINT === undefined)
    throw new SluiceError(
      'CONFIG_INVALID',
      'S3_ENDPOINT is not set. The embedded object store needs no setup. To use another object store, set ' +
        'S3_ENDPOINT and the keys that docs/operations.md lists.',
    );
  const users = usersOf(env);
  const shared = sharedKeys(env, users);
  if (shared !== undefined) throw new SluiceError('CONFIG_INVALID', shared);
  const problems = [...missingSecrets(env, users), ...weakSecrets(env, users)];
  if (problems.length > 0 && env.SLUICE_ENV === 'production')
    throw new SluiceError(
      'CONFIG_INVALID',
      `The secrets are not safe: ${problems.join('; ')}. Generate secrets with "openssl rand -hex 20", or set ` +
        'SLUICE_ENV=development on a machine that nobody else can reach.',
      { details: { problems } },
    );
  const admin = keyOf(env, 'S3_ADMIN') ?? keyOf(env, 'S3');
  if (admin === undefined) throw new SluiceError('CONFIG_INVALID', 'S3_ADMIN_ACCESS_KEY_ID is not set.');
  return { admin: { ...withKey(env, admin), S3_ENDPOINT: env.S3_ENDPOINT }, users };
}

/** The environment of a process that uses this key. */
export function withKey(env: Env, { accessKeyId, secretAccessKey }: AccessKey): Env {
  return { ...env, S3_ACCESS_KEY_ID: accessKeyId, S3_SECRET_ACCESS_KEY: secretAccessKey };
}

/** The prefix of the variables of a role. */
function prefixOf(role: StoreRole): KeyPrefix {
  return `S3_${role.toUpperCase()}` as KeyPrefix;
}

type KeyPrefix = 'S3' | 'S3_ADMIN' | `S3_${Uppercase<StoreRole>}`;

function keyOf(env: Env, prefix: KeyPrefix): AccessKey | undefined {
  const accessKeyId = env[`${prefix}_ACCESS_KEY_ID`];
  const secretAccessKey = env[`${prefix}_SECRET_ACCESS_KEY`];
  return accessKeyId === undefined || secretAccessKey === undefined ? undefined : { accessKeyId, secretAccessKey };
}

function usersOf(env: Env): Map<StoreRole, AccessKey> {
  const users = new Map<StoreRole, AccessKey>();
  for (const role of STORE_ROLES) {
    const key = keyOf(env, prefixOf(role));
    if (key !== undefined) users.set(role, key);
  }
  // One file .env can serve setup-storage and a gateway that starts the functions.
  const own = keyOf(env, 'S3_ADMIN') === undefined ? undefined : keyOf(env, 'S3');
  const isTaken = [...users.values()].some(({ accessKeyId }) => accessKeyId === own?.accessKeyId);
  if (!users.has('pipeline') && own !== undefined && !isTaken) users.set('pipeline', own);
  return users;
}

function sharedKeys(env: Env, users: ReadonlyMap<StoreRole, AccessKey>): string | undefined {
  const owners = new Map<string, string>();
  if (env.S3_ADMIN_ACCESS_KEY_ID !== undefined) owners.set(env.S3_ADMIN_ACCESS_KEY_ID, 'the administrator');
  for (const [role, { accessKeyId }] of users) {
    const other = owners.get(accessKeyId);
    if (other !== undefined)
      return `The ${role} has the same access key ${accessKeyId} as ${other}. Use a separate key for each.`;
    owners.set(accessKeyId, `the ${role}`);
  }
  return undefined;
}

function missingSecrets(env: Env, users: ReadonlyMap<StoreRole, AccessKey>): string[] {
  const missing = [
    ...(env.S3_ADMIN_ACCESS_KEY_ID === undefined ? ['S3_ADMIN_ACCESS_KEY_ID'] : []),
    // The gateway needs a key of its own only if it does not start the functions.
    ...(['uploader', 'pipeline'] as const)
      .filter((role) => !users.has(role))
      .map((role) => `${prefixOf(role)}_ACCESS_KEY_ID`),
    ...(env.WEBHOOK_TOKEN === undefined ? ['WEBHOOK_TOKEN'] : []),
  ];
  return missing.map((name) => `${name} is not set`);
}

function weakSecrets(env: Env, users: ReadonlyMap<StoreRole, AccessKey>): string[] {
  const admin = { secret: env.S3_ADMIN_SECRET_ACCESS_KEY, accessKey: env.S3_ADMIN_ACCESS_KEY_ID };
  return weakSecretProblems([
    { name: 'S3_ADMIN_SECRET_ACCESS_KEY', ...admin },
    ...[...users].map(([role, { secretAccessKey, accessKeyId }]) => ({
      name: `${prefixOf(role)}_SECRET_ACCESS_KEY`,
      secret: secretAccessKey,
      accessKey: accessKeyId,
    })),
    { name: 'WEBHOOK_TOKEN', secret: env.WEBHOOK_TOKEN },
  ]);
}
