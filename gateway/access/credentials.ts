import { join } from 'node:path';
import { type Env, isReachableFromNetwork } from '#shared/config/env.ts';
import { passwordProblem, weakSecretProblem } from '#shared/config/secret-rules.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { Logger } from '#shared/log/log.ts';
import { UserDirectory } from './user-directory.ts';
import { USERS_FILE } from './users-file.ts';

/** The credentials that the environment and the file of the users configure. */

export interface AccessOptions {
  /** The folder SLUICE_HOME. */
  home: string;
  log: Logger;
  now?: () => number;
}

export type AccessEnv = Pick<
  Env,
  | 'HOST'
  | 'PUBLIC_URL'
  | 'SLUICE_ENV'
  | 'SLUICE_USERS'
  | 'SLUICE_USERS_FILE'
  | 'SLUICE_ADMIN_PASSWORD'
  | 'WEBHOOK_TOKEN'
  | 'SESSION_HOURS'
  | 'SESSION_IDLE_MINUTES'
  | 'SLUICE_SESSION_KEY'
  | 'CONTROL_DATABASE_URL'
  | 'OIDC_ISSUER'
  | 'FUNCTION_URL'
  | 'K_SINK'
>;

/**
 * Checks the credentials before the gateway listens. Throws CONFIG_INVALID if other machines could reach it, and nobody
 * could log in.
 */
export function requireCredentials(env: AccessEnv, options: AccessOptions): void {
  const users = openUsers(env, options);
  if (hasCredentials(env, users)) requireEventToken(env);
  if (!isReachableFromNetwork(env)) return;
  if (hasCredentials(env, users)) {
    requireStrongPassword(env, users);
    const reason = oldLogin(env, users);
    if (reason !== undefined) options.log.warn({ reason }, 'Access:Check:Deprecated');
    return;
  }
  const variable = env.PUBLIC_URL === undefined ? 'HOST' : 'HOST or PUBLIC_URL';
  throw new SluiceError(
    'CONFIG_INVALID',
    `${variable} is an address that other machines can reach, but nobody can log in. Add a user with ` +
      '`npx sluice users add NAME --role admin`, or set SLUICE_ADMIN_PASSWORD.',
    { details: { host: env.HOST } },
  );
}

/** Development accepts weak secrets, as in `checkSettings`. */
function requireStrongPassword(env: AccessEnv, users: UserDirectory): void {
  const password = adminPassword(env, users);
  if (password === undefined || env.SLUICE_ENV === 'development') return;
  const problem = passwordProblem(password, 'admin') ?? weakSecretProblem(password);
  if (problem === undefined) return;
  const variable = env.SLUICE_ADMIN_PASSWORD === undefined ? 'WEBHOOK_TOKEN' : 'SLUICE_ADMIN_PASSWORD';
  throw new SluiceError(
    'CONFIG_INVALID',
    `${variable} is the password of the user admin, but ${problem}. Other machines can reach the gateway. Generate a ` +
      'password with "openssl rand -hex 20".',
    { details: { variable } },
  );
}

/** Functions in separate processes post events to the gateway. */
function requireEventToken({ FUNCTION_URL, K_SINK, WEBHOOK_TOKEN }: AccessEnv): void {
  if (FUNCTION_URL === undefined || K_SINK !== undefined || WEBHOOK_TOKEN !== undefined) return;
  throw new SluiceError(
    'CONFIG_INVALID',
    'FUNCTION_URL is set and the gateway requires a login, but WEBHOOK_TOKEN is not set. Set WEBHOOK_TOKEN, with ' +
      'which the functions post events.',
  );
}

/** A warning if WEBHOOK_TOKEN is the password of `admin`. */
export function oldLogin(env: AccessEnv, users: UserDirectory): string | undefined {
  return adminPassword(env, users) === env.SLUICE_ADMIN_PASSWORD ? undefined : OLD_LOGIN;
}

const OLD_LOGIN =
  'The password of the user admin is WEBHOOK_TOKEN, which is also configured in MinIO and in the functions. ' +
  'Set SLUICE_ADMIN_PASSWORD or add users.';

/** True if at least one user or program has a configured way to log in. */
export function hasCredentials(env: AccessEnv, users: UserDirectory): boolean {
  return users.size > 0 || adminPassword(env, users) !== undefined || env.OIDC_ISSUER !== undefined;
}

/** Reads the users of SLUICE_USERS or of the file. Throws CONFIG_INVALID. */
export function openUsers(env: AccessEnv, { home, log }: AccessOptions): UserDirectory {
  const { SLUICE_USERS: text, SLUICE_USERS_FILE: file } = env;
  // With another credential, a file that `sluice users` has not created yet does not open the gateway.
  const required = file !== undefined && env.SLUICE_ADMIN_PASSWORD === undefined;
  return new UserDirectory({ text, file: file ?? join(home, USERS_FILE), required }, log);
}

/**
 * The password of `admin`. Releases without users used WEBHOOK_TOKEN on addresses that other machines can reach, so it
 * is the password there until an administrator configures another credential. A users file ends it until the restart.
 */
export function adminPassword(env: AccessEnv, users: UserDirectory): string | undefined {
  if (env.SLUICE_ADMIN_PASSWORD !== undefined) return env.SLUICE_ADMIN_PASSWORD;
  const isOther = users.isConfigured || env.OIDC_ISSUER !== undefined;
  return isReachableFromNetwork(env) && !isOther ? env.WEBHOOK_TOKEN : undefined;
}
