import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { SluiceError } from '#shared/errors/sluice-error.ts';

/**
 * The files that kustomize/secrets/ reads, with random values. LEDGER_URL, POSTGIS_URL, CONTROL_DATABASE_URL and the S3
 * keys of the environment replace the generated values, for servers outside of the cluster.
 */

const SECRET_BYTES = 24;
/** MongoDB accepts keys of at most 1024 characters. */
const MONGODB_KEY_BYTES = 512;

/** kubectl names this folder when it is missing. */
const FOLDER = 'created-by-npm-run-secrets';

interface Value {
  /** The name of the file, after the folder of its kustomization. */
  path: string;
  /** Variable of the environment with the value. */
  variable?: string;
  /** The value without that variable. `value` returns the one of another file. */
  create: (value: (path: string) => string) => string;
}

const random = () => randomBytes(SECRET_BYTES).toString('hex');

/** Later values contain earlier ones. Hexadecimal passwords need no encoding in URLs. */
const VALUES: readonly Value[] = [
  { path: 'servers/mongodb-key', create: () => randomBytes(MONGODB_KEY_BYTES).toString('base64') },
  { path: 'servers/mongodb-root-password', create: random },
  { path: 'servers/mongodb-password', create: random },
  { path: 'servers/postgis-password', create: random },
  { path: 'servers/control-database-password', create: random },
  { path: 'servers/admin-password', variable: 'SLUICE_ADMIN_PASSWORD', create: random },
  { path: 'servers/metrics-token', variable: 'METRICS_TOKEN', create: random },
  { path: 'servers/session-key', variable: 'SLUICE_SESSION_KEY', create: random },
  { path: 'servers/minio-root-user', variable: 'S3_ADMIN_ACCESS_KEY_ID', create: () => 'sluice-root' },
  { path: 'servers/minio-root-password', variable: 'S3_ADMIN_SECRET_ACCESS_KEY', create: random },
  {
    path: 'servers/uploader-access-key-id',
    variable: 'S3_UPLOADER_ACCESS_KEY_ID',
    create: () => 'sluice-uploader',
  },
  { path: 'servers/uploader-secret-access-key', variable: 'S3_UPLOADER_SECRET_ACCESS_KEY', create: random },
  {
    path: 'servers/gateway-access-key-id',
    variable: 'S3_GATEWAY_ACCESS_KEY_ID',
    create: () => 'sluice-gateway',
  },
  { path: 'servers/gateway-secret-access-key', variable: 'S3_GATEWAY_SECRET_ACCESS_KEY', create: random },
  {
    path: 'functions/sluice-s3-access-key-id',
    variable: 'S3_PIPELINE_ACCESS_KEY_ID',
    create: () => 'sluice-pipeline',
  },
  { path: 'functions/sluice-s3-secret-access-key', variable: 'S3_PIPELINE_SECRET_ACCESS_KEY', create: random },
  { path: 'functions/sluice-webhook-token', variable: 'WEBHOOK_TOKEN', create: random },
  {
    path: 'functions/sluice-ledger-url',
    variable: 'LEDGER_URL',
    // The one member is addressed directly, so that no client needs the names of the members.
    create: (value) =>
      `mongodb://sluice:${value('servers/mongodb-password')}@mongodb.sluice.svc:27017/sluice` +
      '?authSource=admin&directConnection=true',
  },
  {
    path: 'functions/sluice-postgis-url',
    variable: 'POSTGIS_URL',
    create: (value) => `postgresql://sluice:${value('servers/postgis-password')}@postgis.sluice.svc:5432/spatial`,
  },
  {
    path: 'servers/control-database-url',
    variable: 'CONTROL_DATABASE_URL',
    create: (value) =>
      `postgresql://sluice:${value('servers/control-database-password')}@control-database.sluice.svc:5432/control`,
  },
];

/**
 * Writes the missing files, readable only by their owner, and keeps the others. Throws CONFIG_INVALID, before anything
 * is written, if a variable of the environment differs from its file.
 */
export function createSecrets(folder: string, variables: NodeJS.ProcessEnv): { created: string[]; kept: string[] } {
  const fileOf = (path: string) => resolve(folder, dirname(path), FOLDER, basename(path));
  const read = (path: string) => readFileSync(fileOf(path), 'utf8');
  const given = ({ variable = '' }: Value) => variables[variable]?.trim();
  const existing = VALUES.filter(({ path }) => existsSync(fileOf(path)));
  const different = existing.filter((value) => given(value) && given(value) !== read(value.path).trim());
  if (different.length > 0)
    throw new SluiceError(
      'CONFIG_INVALID',
      different
        .map(
          ({ path, variable }) => `${variable} differs from ${fileOf(path)}. Delete this file, or unset ${variable}.`,
        )
        .join('\n'),
    );
  const missing = VALUES.filter((value) => !existing.includes(value));
  for (const value of missing) {
    mkdirSync(dirname(fileOf(value.path)), { recursive: true, mode: 0o700 });
    writeFileSync(fileOf(value.path), given(value) || value.create(read), { mode: 0o600, flag: 'wx' });
  }
  return { created: missing.map(({ path }) => path), kept: existing.map(({ path }) => path) };
}
