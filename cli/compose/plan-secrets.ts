import { createHash, randomBytes } from 'node:crypto';
import { isLoopbackHost } from '#shared/config/env-rules.ts';
import { weakSecretProblem } from '#shared/config/secret-rules.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { minioEnvironment } from '../storage/notifications.ts';

/** The secrets of docker-compose.yaml that .env can set. */
export const SECRETS = [
  'S3_ADMIN_SECRET_ACCESS_KEY',
  'S3_UPLOADER_SECRET_ACCESS_KEY',
  'S3_PIPELINE_SECRET_ACCESS_KEY',
  'S3_GATEWAY_SECRET_ACCESS_KEY',
  'WEBHOOK_TOKEN',
  'MONGO_ROOT_PASSWORD',
  'MONGO_PASSWORD',
  'CONTROL_DATABASE_PASSWORD',
  'POSTGIS_PASSWORD',
  'GRAFANA_ADMIN_PASSWORD',
] as const;
type SecretName = (typeof SECRETS)[number];

/** The access keys that belong to secrets, and their defaults. */
const ACCESS_KEYS = {
  S3_ADMIN_ACCESS_KEY_ID: 'sluice-admin',
  S3_UPLOADER_ACCESS_KEY_ID: 'uploader',
  S3_PIPELINE_ACCESS_KEY_ID: 'pipeline',
  S3_GATEWAY_ACCESS_KEY_ID: 'gateway',
} as const;

/** A file for one or several containers. Its path begins with the name of the volume. */
export interface SecretFile {
  path: string;
  content: string;
  /** The user of MongoDB in its official image. Without it, every user of the containers with this volume can read. */
  owner?: typeof MONGODB_USER;
}

export interface SecretPlan {
  files: SecretFile[];
  /** The secrets that have the public password of development. */
  defaults: SecretName[];
}

const DEVELOPMENT = 'development-';
/** MinIO rejects shorter ones. */
const MIN_CHARACTERS = 8;
/** User and group id of `mongodb` in the official image. MongoDB rejects a key file that other users can read. */
const MONGODB_USER = 999;
const RANDOM_BYTES = 20;

/** The password of the user `admin`. Without SLUICE_ADMIN_PASSWORD, it is generated at the first start. */
export const ADMIN_PASSWORD_FILE = 'admin-secrets/password';
/** The token with which Prometheus reads the metrics of the gateway. It is generated at the first start. */
const METRICS_TOKEN_FILE = 'metrics-secrets/token';

const randomSecret = () => randomBytes(RANDOM_BYTES).toString('hex');

/** The password of development, such as `development-webhook-token`. It is public. */
export function developmentSecret(name: SecretName): string {
  return DEVELOPMENT + name.toLowerCase().replaceAll('_', '-');
}

/** Lines for .env with a random value of each secret. */
export function generateSecrets(): string {
  const lines = SECRETS.map((name) => `${name}=${randomSecret()}\n`);
  return `SLUICE_ENV=production\n${lines.join('')}`;
}

/**
 * The files with the secrets for the containers of docker-compose.yaml. In development, missing secrets get the public
 * password of development. The password of `admin` and the token of the metrics are random: `stored` returns the
 * content of an existing file. Throws CONFIG_INVALID that names each secret that is missing, weak or public.
 */
export function planSecrets(
  variables: NodeJS.ProcessEnv,
  stored: (path: string) => string | undefined = () => undefined,
): SecretPlan {
  const isDevelopment = isForDevelopment(variables);
  const problems = SECRETS.flatMap((name) => {
    const problem = isDevelopment ? unusable(variables[name]) : unsafe(variables[name], accessKeyOf(name, variables));
    return problem === undefined ? [] : [`${name} ${problem}`];
  });
  const password = variables.SLUICE_ADMIN_PASSWORD;
  const problem = password && !isDevelopment ? weakSecretProblem(password) : undefined;
  if (problem !== undefined) problems.push(`SLUICE_ADMIN_PASSWORD ${problem}`);
  if (problems.length > 0)
    throw new SluiceError(
      'CONFIG_INVALID',
      `The secrets in .env are not safe: ${problems.join('; ')}. To generate secrets, execute "touch .env && ` +
        'chmod 600 .env && docker compose run --rm --no-deps secrets generate >> .env". SLUICE_ENV=development ' +
        'accepts missing and weak secrets, on a machine that nobody else can reach. Without SLUICE_ENV, public ' +
        'passwords are used only if no secret is set, and PUBLIC_URL is not set or is an address of this machine.',
      { details: { problems } },
    );
  const secretOf = (name: SecretName) => variables[name] || developmentSecret(name);
  return {
    files: [
      ...filesOf(secretOf, (name) => variables[name] || ACCESS_KEYS[name], notificationArns(variables)),
      { path: ADMIN_PASSWORD_FILE, content: password || (stored(ADMIN_PASSWORD_FILE) ?? randomSecret()) },
      { path: METRICS_TOKEN_FILE, content: stored(METRICS_TOKEN_FILE) ?? randomSecret() },
    ],
    defaults: SECRETS.filter((name) => !variables[name]),
  };
}

/** Without SLUICE_ENV, an installation with secrets or an address for other machines could be in production. */
function isForDevelopment({ SLUICE_ENV, PUBLIC_URL, ...variables }: NodeJS.ProcessEnv): boolean {
  if (SLUICE_ENV) return SLUICE_ENV === 'development';
  const host = PUBLIC_URL ? URL.parse(PUBLIC_URL)?.hostname : 'localhost';
  return host !== undefined && isLoopbackHost(host) && SECRETS.every((name) => !variables[name]);
}

function accessKeyOf(name: SecretName, variables: NodeJS.ProcessEnv): string | undefined {
  if (!name.endsWith('_SECRET_ACCESS_KEY')) return undefined;
  const key = name.replace('SECRET_ACCESS_KEY', 'ACCESS_KEY_ID') as keyof typeof ACCESS_KEYS;
  return variables[key] || ACCESS_KEYS[key];
}

function unsafe(secret: string | undefined, accessKey: string | undefined): string | undefined {
  if (!secret) return 'is not set';
  if (secret.startsWith(DEVELOPMENT)) return 'is a public password of development';
  return unusable(secret) ?? weakSecretProblem(secret, accessKey);
}

/** Secrets that a server or a file of settings rejects. */
function unusable(secret: string | undefined): string | undefined {
  if (!secret) return undefined;
  if (!/^[\x21-\x7e]+$/.test(secret)) return 'contains spaces, or characters other than ASCII';
  return secret.length < MIN_CHARACTERS ? `has fewer than ${MIN_CHARACTERS} characters` : undefined;
}

function notificationArns({ S3_NOTIFICATION_ARNS }: NodeJS.ProcessEnv): string[] {
  return (S3_NOTIFICATION_ARNS || 'arn:minio:sqs::SLUICE_QUEUED:webhook,arn:minio:sqs::SLUICE_DIRECT:webhook')
    .split(',')
    .map((arn) => arn.trim());
}

/** The volumes of functions are named as the secrets of stack.yml. */
function filesOf(
  secretOf: (name: SecretName) => string,
  keyOf: (name: keyof typeof ACCESS_KEYS) => string,
  arns: string[],
): SecretFile[] {
  const file = (path: string, content: string): SecretFile => ({ path, content });
  const shared = (name: string, content: string) => file(`${name}/${name}`, content);
  const url = (name: SecretName) => encodeURIComponent(secretOf(name));
  const mongodb = (login: string, database: string) =>
    `mongodb://${login}@mongodb:27017/${database}?authSource=admin&directConnection=true`;
  const keys = (folder: string, role: 'ADMIN' | 'UPLOADER' | 'PIPELINE' | 'GATEWAY', name = role.toLowerCase()) => [
    file(`${folder}/${name}-access-key-id`, keyOf(`S3_${role}_ACCESS_KEY_ID`)),
    file(`${folder}/${name}-secret-access-key`, secretOf(`S3_${role}_SECRET_ACCESS_KEY`)),
  ];
  return [
    shared('sluice-ledger-url', mongodb(`sluice:${url('MONGO_PASSWORD')}`, 'sluice')),
    shared('sluice-postgis-url', `postgresql://sluice:${url('POSTGIS_PASSWORD')}@postgis:5432/sluice`),
    shared('sluice-s3-access-key-id', keyOf('S3_PIPELINE_ACCESS_KEY_ID')),
    shared('sluice-s3-secret-access-key', secretOf('S3_PIPELINE_SECRET_ACCESS_KEY')),
    shared('sluice-webhook-token', secretOf('WEBHOOK_TOKEN')),
    file(
      'gateway-secrets/control-database-url',
      `postgresql://sluice:${url('CONTROL_DATABASE_PASSWORD')}@control:5432/sluice`,
    ),
    ...keys('gateway-secrets', 'GATEWAY', 's3'),
    ...(['ADMIN', 'UPLOADER', 'PIPELINE', 'GATEWAY'] as const).flatMap((role) => keys('storage-secrets', role)),
    ...keys('uploader-secrets', 'UPLOADER', 's3'),
    file('minio-secrets/config.env', minioSettings(keyOf('S3_ADMIN_ACCESS_KEY_ID'), secretOf, arns)),
    file('mongodb-secrets/root-password', secretOf('MONGO_ROOT_PASSWORD')),
    file('mongodb-secrets/root-url', mongodb(`root:${url('MONGO_ROOT_PASSWORD')}`, 'admin')),
    { ...file('mongodb-secrets/key', replicationKey(secretOf('MONGO_ROOT_PASSWORD'))), owner: MONGODB_USER },
    file('control-secrets/password', secretOf('CONTROL_DATABASE_PASSWORD')),
    file('postgis-secrets/password', secretOf('POSTGIS_PASSWORD')),
    file('grafana-secrets/password', secretOf('GRAFANA_ADMIN_PASSWORD')),
  ];
}

/** The file of MINIO_CONFIG_ENV_FILE: https://github.com/minio/minio/blob/master/cmd/common-main.go. */
function minioSettings(rootUser: string, secretOf: (name: SecretName) => string, arns: string[]): string {
  const settings = {
    MINIO_ROOT_USER: rootUser,
    MINIO_ROOT_PASSWORD: secretOf('S3_ADMIN_SECRET_ACCESS_KEY'),
    ...minioEnvironment(arns, {
      url: 'http://gateway:8080/webhooks/minio',
      token: secretOf('WEBHOOK_TOKEN'),
      queueFolder: '/events',
    }),
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name}="${value}"\n`)
    .join('');
}

/** The key that members of a replica set share. A set with one member needs it for users with passwords, too. */
function replicationKey(password: string): string {
  return createHash('sha256').update(`replica set ${password}`).digest('base64');
}
