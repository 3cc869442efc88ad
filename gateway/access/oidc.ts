import * as client from 'openid-client';
import { type Env, publicUrl } from '#shared/config/env.ts';
import { isLoopbackHost } from '#shared/config/env-rules.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { reasonOf } from '#shared/text/error-reason.ts';
import { printable } from '#shared/text/visible-text.ts';
import { hasRole, type Role, ROLES } from './route-roles.ts';

/**
 * The login with an OpenID provider: authorization code flow with PKCE, state and nonce (OpenID Connect Core 1.0, RFC
 * 7636, RFC 9700).
 */

/** The state of a login that is stored until the provider redirects the browser. */
export interface PendingLogin {
  state: string;
  nonce: string;
  verifier: string;
  /** The path to open after the login. */
  next: string;
  /** When the login expires, in milliseconds since 1970. */
  expiresAt: number;
}

export interface ProviderUser {
  /** `oidc:` and the name at the provider. A user of the file cannot have such a name. */
  name: string;
  role: Role;
  /** The unchanging id of the user at the provider. */
  subject: string;
}

export type ProviderEnv = Pick<
  Env,
  | 'HOST'
  | 'PORT'
  | 'PUBLIC_URL'
  | 'OIDC_ISSUER'
  | 'OIDC_CLIENT_ID'
  | 'OIDC_CLIENT_SECRET'
  | 'OIDC_SCOPES'
  | 'OIDC_ROLE_CLAIM'
  | 'OIDC_ROLES'
>;

export const CALLBACK_PATH = '/login/oidc/callback';
/** How long a login at the provider may take. */
export const PENDING_MS = 10 * 60_000;
const TIMEOUT_SECONDS = 10;

export class OpenIdProvider {
  readonly #env: ProviderEnv;
  readonly #now: () => number;
  #configuration: Promise<client.Configuration> | undefined;

  constructor(env: ProviderEnv, now: () => number = Date.now) {
    this.#env = env;
    this.#now = now;
  }

  /** The URL to which the browser is sent. Throws PROVIDER_UNAVAILABLE. */
  async begin(next: string): Promise<{ url: URL; pending: PendingLogin }> {
    const configuration = await this.#discover();
    const verifier = client.randomPKCECodeVerifier();
    const [state, nonce] = [client.randomState(), client.randomNonce()];
    const url = client.buildAuthorizationUrl(configuration, {
      redirect_uri: this.#callbackUrl,
      scope: this.#env.OIDC_SCOPES,
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state,
      nonce,
    });
    return { url, pending: { state, nonce, verifier, next, expiresAt: this.#now() + PENDING_MS } };
  }

  /**
   * The user of the request to which the provider redirected the browser. `search` is the query of that request.
   * Throws UNAUTHORIZED if the login failed, FORBIDDEN for a user without a role, and PROVIDER_UNAVAILABLE.
   */
  async finish(search: string, pending: PendingLogin): Promise<ProviderUser> {
    if (this.#now() > pending.expiresAt) throw failed('The login took too long. Log in again.');
    const configuration = await this.#discover();
    let claims: Record<string, unknown> & { sub: string };
    try {
      const tokens = await client.authorizationCodeGrant(configuration, new URL(this.#callbackUrl + search), {
        pkceCodeVerifier: pending.verifier,
        expectedState: pending.state,
        expectedNonce: pending.nonce,
        idTokenExpected: true,
      });
      const ofToken = tokens.claims() as client.IDToken;
      // Providers can return names and groups only at the userinfo endpoint.
      const hasRoles = ofToken[this.#env.OIDC_ROLE_CLAIM] !== undefined && ofToken.preferred_username !== undefined;
      const hasMore = !hasRoles && configuration.serverMetadata().userinfo_endpoint !== undefined;
      const more = hasMore ? await client.fetchUserInfo(configuration, tokens.access_token, ofToken.sub) : {};
      claims = { ...more, ...ofToken };
    } catch (cause) {
      throw failed('The OpenID provider did not confirm the login. Log in again.', cause);
    }
    return this.#userOf(claims);
  }

  #userOf(claims: Record<string, unknown> & { sub: string }): ProviderUser {
    const found = [claims.preferred_username, claims.email, claims.sub].find(
      (name) => typeof name === 'string' && name,
    );
    const name = `oidc:${printable(String(found)).trim().slice(0, MAX_NAME_CHARACTERS)}`;
    const role = roleOf(claims[this.#env.OIDC_ROLE_CLAIM], this.#env.OIDC_ROLES ?? '');
    if (role !== undefined) return { name, role, subject: claims.sub };
    throw new SluiceError(
      'FORBIDDEN',
      `${name} has no role in Sluice. An administrator can map a group in OIDC_ROLES.`,
      {
        details: { user: name },
      },
    );
  }

  get #callbackUrl(): string {
    return publicUrl(this.#env) + CALLBACK_PATH;
  }

  /** The endpoints and keys of the provider. A failed attempt is repeated with the next login. */
  #discover(): Promise<client.Configuration> {
    const { OIDC_ISSUER = '', OIDC_CLIENT_ID = '', OIDC_CLIENT_SECRET: secret } = this.#env;
    const issuer = new URL(OIDC_ISSUER);
    const isLocal = issuer.protocol === 'http:' && isLoopbackHost(issuer.hostname);
    return (this.#configuration ??= client
      .discovery(
        issuer,
        OIDC_CLIENT_ID,
        undefined,
        secret === undefined ? client.None() : client.ClientSecretBasic(secret),
        {
          timeout: TIMEOUT_SECONDS,
          ...(isLocal ? { execute: [client.allowInsecureRequests] } : {}),
        },
      )
      .catch((cause: unknown) => {
        this.#configuration = undefined;
        const message = `The OpenID provider ${OIDC_ISSUER} does not respond as expected: ${reasonOf(cause)}.`;
        throw new SluiceError('PROVIDER_UNAVAILABLE', message, { cause });
      }));
  }
}

const MAX_NAME_CHARACTERS = 128;

function failed(message: string, cause?: unknown): SluiceError {
  return new SluiceError('UNAUTHORIZED', message, { cause });
}

/**
 * The highest role that a mapping such as `admin=sluice-admins,viewer=*` gives to the values of an OpenID claim: a
 * text, or a list of texts. Undefined without any.
 */
export function roleOf(claim: unknown, mapping: string): Role | undefined {
  const values = (Array.isArray(claim) ? claim : [claim]).filter((value) => typeof value === 'string');
  const roles = mapping.split(',').flatMap((pair): Role[] => {
    const separator = pair.indexOf('=');
    const [role, value] = [pair.slice(0, separator), pair.slice(separator + 1)];
    return isRole(role) && (value === '*' || values.includes(value)) ? [role] : [];
  });
  return roles.reduce<Role | undefined>(
    (best, role) => (best === undefined || hasRole(role, best) ? role : best),
    undefined,
  );
}

function isRole(text: string): text is Role {
  return (ROLES as readonly string[]).includes(text);
}
