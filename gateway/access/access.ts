import { createHmac, randomBytes } from 'node:crypto';
import { isReachableFromNetwork } from '#shared/config/env.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { Logger } from '#shared/log/log.ts';
import { type AccessEnv, type AccessOptions, adminPassword, hasCredentials, openUsers } from './credentials.ts';
import { FailureLimit } from './failure-limit.ts';
import { FailureLog } from './failure-log.ts';
import { hashPassword, PasswordChecks } from './password-hash.ts';
import type { Role } from './route-roles.ts';
import { openSessionStore, type SessionStore } from './session-store.ts';
import {
  isExpired,
  newSession,
  readSession,
  type Session,
  type SessionTimes,
  signSession,
  stampOf,
} from './sessions.ts';
import { isSameSecret } from './tokens.ts';
import type { UserDirectory } from './user-directory.ts';

/** The user or program that sends a request. */
export interface Principal {
  /** The operator in the activity log. */
  name: string;
  role: Role;
  /** How the user was authenticated. */
  by: 'session' | 'password' | 'token';
}

/** The parts of a request with which its sender is authenticated. */
export interface Credentials {
  /** The header `Authorization`. */
  authorization: string | undefined;
  /** The session cookie. */
  cookie: string | undefined;
  /** IP address of the client, for the limit of failures. */
  address: string;
}

/** The name of the user whose password is SLUICE_ADMIN_PASSWORD, as for `faas-cli login` by default. */
const ADMIN = 'admin';

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
/** A session is written again when it was used after this time, not with each request. */
const RENEW_MS = MINUTE_MS;
/** Correct passwords in memory, as keyed hashes: scrypt is too slow for each request of a program. */
const MAX_CACHED = 1_000;

/**
 * The access control of the gateway. It is active if other machines can reach the gateway, or if credentials are
 * configured.
 */
export class Access {
  readonly #users: UserDirectory;
  readonly #env: AccessEnv;
  readonly #store: SessionStore;
  readonly #times: SessionTimes;
  readonly #now: () => number;
  readonly #failures: FailureLimit;
  /** Wrong tokens do not lock out users with passwords. */
  readonly #wrongTokens: FailureLimit;
  readonly #providerFailures: FailureLimit;
  readonly #failureLog: FailureLog;
  readonly #log: Logger;
  readonly #checks = new PasswordChecks();
  readonly #cacheKey = randomBytes(32);
  #cache = new Map<string, Promise<boolean>>();
  #wasActive = false;

  private constructor(
    env: AccessEnv,
    users: UserDirectory,
    store: SessionStore,
    { log, now = Date.now }: AccessOptions,
  ) {
    this.#users = users;
    this.#store = store;
    this.#env = env;
    this.#times = { maxMs: env.SESSION_HOURS * HOUR_MS, idleMs: env.SESSION_IDLE_MINUTES * MINUTE_MS };
    this.#now = now;
    this.#failures = new FailureLimit(now);
    this.#wrongTokens = new FailureLimit(now);
    this.#providerFailures = new FailureLimit(now);
    this.#failureLog = new FailureLog(log);
    this.#log = log;
  }

  /** Reads the users, and opens the store of sessions. Throws CONFIG_INVALID, DATABASE_UNAVAILABLE. */
  static async open(env: AccessEnv, options: AccessOptions): Promise<Access> {
    const users = openUsers(env, options);
    const { SLUICE_SESSION_KEY: secret, CONTROL_DATABASE_URL: databaseUrl } = env;
    const store = await openSessionStore({ secret, databaseUrl, ...options });
    return new Access(env, users, store, options);
  }

  /** Once active, it stays active until the gateway ends: a deleted file must not open it. */
  get isActive(): boolean {
    return (this.#wasActive ||= isReachableFromNetwork(this.#env) || hasCredentials(this.#env, this.#users));
  }

  get #adminPassword(): string | undefined {
    return adminPassword(this.#env, this.#users);
  }

  now(): number {
    return this.#now();
  }

  get sessionTimes(): SessionTimes {
    return this.#times;
  }

  /** The key of signed cookies. */
  get key(): Buffer {
    return this.#store.key;
  }

  /**
   * Who sends the request. `renewed` is the new value of the session cookie, if it has to be set again. Throws
   * UNAUTHORIZED, TOO_MANY_ATTEMPTS.
   */
  async authenticate(request: Credentials): Promise<{ principal: Principal; renewed?: string }> {
    const { scheme, value } = parseAuthorization(request.authorization);
    if (scheme === 'basic') {
      const [name, password] = basicLogin(value);
      return { principal: { ...(await this.#checkPassword(name, password, request.address)), by: 'password' } };
    }
    if (scheme === 'bearer') return { principal: this.#checkToken(value, request.address) };
    if (request.authorization !== undefined) throw unauthorized('The Authorization header has an unknown scheme.');
    if (request.cookie === undefined) throw unauthorized('The request needs a login.');
    return this.#checkSession(request.cookie);
  }

  /** Checks a password, and returns the value of a new session cookie. Throws UNAUTHORIZED, TOO_MANY_ATTEMPTS. */
  async logIn(name: string, password: string, address: string): Promise<string> {
    const user = await this.#checkPassword(name, password, address);
    this.#log.info({ user: name, role: user.role, address }, 'Session:Start:Done');
    return signSession(newSession({ name, stamp: user.stamp }, this.#now()), this.key);
  }

  /** A session of a user whom an OpenID provider has authenticated. */
  startSession({ name, role }: { name: string; role: Role }): string {
    return signSession(newSession({ name, role }, this.#now()), this.key);
  }

  /** Ends a session at all gateways. An invalid or expired one is ignored. Throws DATABASE_UNAVAILABLE. */
  async logOut(cookie: string | undefined): Promise<void> {
    const session = cookie === undefined ? undefined : readSession(cookie, this.key);
    if (session === undefined || isExpired(session, this.#times, this.#now())) return;
    await this.#store.end(session.id, session.started + this.#times.maxMs);
    this.#log.info({ user: session.name }, 'Session:End:Done');
  }

  /** Counts a wrong token. A right one is accepted in spite of the limit. Throws TOO_MANY_ATTEMPTS. */
  countWrongToken(address: string): void {
    this.#wrongTokens.begin(undefined, address);
    this.#failureLog.add(undefined, address);
  }

  /** Counts a request to the OpenID provider. Call the returned function if it succeeds. Throws TOO_MANY_ATTEMPTS. */
  beginProviderLogin(address: string): () => void {
    return this.#providerFailures.begin(undefined, address);
  }

  /** Logs a failed login at the OpenID provider. */
  logProviderFailure(address: string, reason: string): void {
    this.#failureLog.add(undefined, address, reason);
  }

  close(): Promise<void> {
    this.#failureLog.close();
    return this.#store.close();
  }

  #checkToken(token: string, address: string): Principal {
    const user = this.#users.findByToken(token);
    if (user !== undefined) return { name: user.name, role: user.role, by: 'token' };
    this.countWrongToken(address);
    throw unauthorized('The token is unknown.');
  }

  async #checkSession(cookie: string): Promise<{ principal: Principal; renewed?: string }> {
    const now = this.#now();
    const session = readSession(cookie, this.key);
    if (session === undefined || isExpired(session, this.#times, now) || (await this.#store.isEnded(session.id)))
      throw unauthorized('The session has ended. Log in again.');
    const role = this.#roleOf(session);
    if (role === undefined) throw unauthorized('The session has ended. Log in again.');
    const principal: Principal = { name: session.name, role, by: 'session' };
    if (now - session.used < RENEW_MS) return { principal };
    return { principal, renewed: signSession({ ...session, used: now }, this.key) };
  }

  /** Undefined if the user was removed, or has another password since the login. */
  #roleOf(session: Session): Role | undefined {
    if (session.role !== undefined) return this.#env.OIDC_ISSUER === undefined ? undefined : session.role;
    const user = this.#find(session.name);
    return user !== undefined && user.stamp === session.stamp ? user.role : undefined;
  }

  #find(name: string): { role: Role; hash: () => Promise<string>; stamp: string } | undefined {
    const user = this.#users.find(name);
    if (user?.password !== undefined) {
      const { password, role } = user;
      return { role, hash: () => Promise.resolve(password), stamp: stampOf(password, this.key) };
    }
    if (user !== undefined || name !== ADMIN || this.#adminPassword === undefined) return undefined;
    const stamp = stampOf(`${ADMIN} ${this.#adminPassword}`, this.key);
    return { role: 'admin', hash: () => this.#hashOf(ADMIN), stamp };
  }

  /** Passwords of users that do not exist are checked, too: the time must not reveal which names exist. */
  async #checkPassword(
    name: string,
    password: string,
    address: string,
  ): Promise<{ name: string; role: Role; stamp: string }> {
    // Check the limit before the cache of passwords, too. Otherwise a client could recognize a correct guess after its
    // attempts are used up.
    this.#failures.check(name, address);
    const unknown = await this.#hashOf('');
    const user = this.#find(name);
    const hash = (await user?.hash()) ?? unknown;
    const id = createHmac('sha256', this.#cacheKey)
      .update(JSON.stringify([name, password, hash]))
      .digest('base64');
    const isRight = await (this.#cache.get(id) ?? this.#verify({ id, name, password, hash, address }));
    if (user !== undefined && isRight) return { name, role: user.role, stamp: user.stamp };
    throw unauthorized('The user name or the password is wrong.');
  }

  /** The result of concurrent requests with the same password is shared, and a right one is remembered. */
  #verify(login: { id: string; name: string; password: string; hash: string; address: string }): Promise<boolean> {
    const { id, name, password, hash, address } = login;
    const succeed = this.#failures.begin(name, address);
    const check = this.#checks.verify(password, hash, address).then(
      (isRight) => {
        if (isRight) succeed();
        else this.#cache.delete(id);
        if (!isRight) this.#failureLog.add(this.#find(name) === undefined ? undefined : name, address);
        return isRight;
      },
      (thrown: unknown) => {
        this.#cache.delete(id);
        succeed(); // The password was not checked.
        throw thrown;
      },
    );
    if (this.#cache.size >= MAX_CACHED) this.#cache.delete(this.#cache.keys().next().value ?? '');
    this.#cache.set(id, check);
    return check;
  }

  #hashes = new Map<string, Promise<string>>();

  /** The hash of SLUICE_ADMIN_PASSWORD, or for other names one that no password has. Computed once. */
  #hashOf(name: typeof ADMIN | ''): Promise<string> {
    const found = this.#hashes.get(name);
    if (found !== undefined) return found;
    const password = name === ADMIN ? (this.#adminPassword ?? '') : randomBytes(32).toString('hex');
    const hash = hashPassword(password);
    this.#hashes.set(name, hash);
    return hash;
  }
}

/** Name and password of Basic authentication (RFC 7617). */
function basicLogin(value: string): [name: string, password: string] {
  const text = Buffer.from(value, 'base64').toString('utf8');
  const separator = text.indexOf(':');
  return separator === -1 ? [text, ''] : [text.slice(0, separator), text.slice(separator + 1)];
}

function unauthorized(message: string): SluiceError {
  return new SluiceError('UNAUTHORIZED', message);
}

/** The scheme in lower case, and the value of an Authorization header. */
function parseAuthorization(header = ''): { scheme: string; value: string } {
  const [scheme = '', ...rest] = header.trim().split(' ');
  return { scheme: scheme.toLowerCase(), value: rest.join(' ').trim() };
}

/** Whether the header has the token of a program. */
export function hasBearer(authorization: string | undefined, token: string | undefined): boolean {
  const { scheme, value } = parseAuthorization(authorization);
  return scheme === 'bearer' && token !== undefined && isSameSecret(value, token);
}
