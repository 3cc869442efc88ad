import type { Env } from '#shared/config/env.ts';
import { weakSecretProblems } from '#shared/config/secret-rules.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { namesLedger } from '#shared/ledger/open-ledger.ts';

/** The image of the gateway contains no embedded servers and no functions. */
const REQUIRED = ['FUNCTION_URL', 'S3_ENDPOINT', 'CONTROL_DATABASE_URL', 'POSTGIS_URL'] as const;
/** The notifications of the object store, which need the token, are the source of all events. */
const REQUIRED_WITH_BROKER = ['S3_ENDPOINT', 'POSTGIS_URL', 'LEDGER_URL', 'WEBHOOK_TOKEN'] as const;
/** Each can contain the password of a user, POSTGIS_URL several. */
const URLS = ['CONTROL_DATABASE_URL', 'LEDGER_URL', 'MONGO_CONNECTION_STRING', 'POSTGIS_URL'] as const;

/**
 * Checks the settings of a gateway in a container before it opens anything. Throws CONFIG_INVALID that names every
 * missing variable, or every weak secret unless SLUICE_ENV is `development`.
 */
export function checkSettings(env: Env): void {
  const broker = env.K_SINK !== undefined;
  requireVariables(env, broker ? REQUIRED_WITH_BROKER : REQUIRED);
  if (broker) rejectQueue(env);
  const problems = weakSecrets(env);
  if (problems.length === 0 || env.SLUICE_ENV === 'development') return;
  throw new SluiceError(
    'CONFIG_INVALID',
    `The secrets are not safe: ${problems.join('; ')}. Generate secrets with "openssl rand -hex 20", or set ` +
      'SLUICE_ENV=development on a machine that nobody else can reach.',
    { details: { problems } },
  );
}

function requireVariables(env: Env, required: readonly (keyof Env)[]): void {
  const missing = required.filter((name) => (name === 'LEDGER_URL' ? !namesLedger(env) : env[name] === undefined));
  if (missing.length === 0) return;
  const names = missing.join(', ');
  throw new SluiceError('CONFIG_INVALID', `The gateway cannot start without ${names}. Set each of them.`, {
    details: { variables: missing },
  });
}

/** With both, it would be unclear whether the broker or the router delivers an event. */
function rejectQueue({ CONTROL_DATABASE_URL }: Env): void {
  if (CONTROL_DATABASE_URL === undefined) return;
  throw new SluiceError(
    'CONFIG_INVALID',
    'K_SINK and CONTROL_DATABASE_URL are both set. Remove K_SINK to deliver events from the queue in PostgreSQL, or ' +
      'CONTROL_DATABASE_URL to publish them to the Knative broker.',
    { details: { variables: ['K_SINK', 'CONTROL_DATABASE_URL'] } },
  );
}

/**
 * Checks the settings of a gateway without broker, such as `npm start`. Its functions would publish events to the
 * broker, and not to its router. Throws CONFIG_INVALID.
 */
export function rejectBroker({ K_SINK }: Env): void {
  if (K_SINK === undefined) return;
  throw new SluiceError(
    'CONFIG_INVALID',
    'K_SINK is set, but `npm start` delivers events from its own queue. Remove K_SINK from the environment and from ' +
      '.env. Only the gateway in a container publishes events to a Knative broker.',
    { details: { variable: 'K_SINK' } },
  );
}

function weakSecrets(env: Env): string[] {
  const passwords = URLS.flatMap((name) =>
    passwordsOf(env[name] ?? '').map((secret) => ({ name: `The password in ${name}`, secret })),
  );
  const problems = weakSecretProblems([
    ...passwords,
    { name: 'S3_SECRET_ACCESS_KEY', secret: env.S3_SECRET_ACCESS_KEY, accessKey: env.S3_ACCESS_KEY_ID },
    { name: 'WEBHOOK_TOKEN', secret: env.WEBHOOK_TOKEN },
    { name: 'METRICS_TOKEN', secret: env.METRICS_TOKEN },
    { name: 'SLUICE_ADMIN_PASSWORD', secret: env.SLUICE_ADMIN_PASSWORD },
    { name: 'SLUICE_SESSION_KEY', secret: env.SLUICE_SESSION_KEY },
  ]);
  return [...new Set(problems)];
}

/** The authority of a URL up to its last `@`, and its query. `new URL` rejects the host lists of MongoDB. */
const URL_PARTS = /^[^:/?#]+:\/\/(?:([^/?#]*)@)?[^?#]*(?:\?([^#]*))?/;

/**
 * The passwords of URLs that are separated by spaces, as the drivers read them: the parameter `password` of the query
 * replaces the one before the host. A URL without a password has none.
 */
function passwordsOf(urls: string): string[] {
  return urls.split(/\s+/).flatMap((url) => {
    const [, login = '', query = ''] = URL_PARTS.exec(url) ?? [];
    const separator = login.indexOf(':');
    const password = separator === -1 ? '' : decoded(login.slice(separator + 1));
    const used = new URLSearchParams(query).getAll('password').at(-1) || password;
    return used === '' ? [] : [used];
  });
}

/** A driver reports a text that is not percent-encoded. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
