import { readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { SluiceError } from '#shared/errors/sluice-error.ts';

/** Credentials, and URLs that contain a password. `NAME_FILE` can be the path of a file with the value. */
export const FILE_VARIABLES = [
  'S3_ACCESS_KEY_ID',
  'S3_SECRET_ACCESS_KEY',
  'S3_ADMIN_ACCESS_KEY_ID',
  'S3_ADMIN_SECRET_ACCESS_KEY',
  'S3_UPLOADER_ACCESS_KEY_ID',
  'S3_UPLOADER_SECRET_ACCESS_KEY',
  'S3_PIPELINE_ACCESS_KEY_ID',
  'S3_PIPELINE_SECRET_ACCESS_KEY',
  'S3_GATEWAY_ACCESS_KEY_ID',
  'S3_GATEWAY_SECRET_ACCESS_KEY',
  'WEBHOOK_TOKEN',
  'METRICS_TOKEN',
  'SLUICE_ADMIN_PASSWORD',
  'SLUICE_SESSION_KEY',
  'OIDC_CLIENT_SECRET',
  'SLUICE_TOKEN',
  'SLUICE_PASSWORD',
  'OPENLINEAGE_API_KEY',
  'ALERT_WEBHOOK_URL',
  'ALERT_WEBHOOK_TOKEN',
  'OTEL_EXPORTER_OTLP_HEADERS',
  'CONTROL_DATABASE_URL',
  'LEDGER_URL',
  'MONGO_CONNECTION_STRING',
  'POSTGIS_URL',
] as const;

/**
 * Replaces each variable `NAME_FILE` by `NAME` with the content of the file, without blanks at its end. Docker,
 * OpenFaaS and Kubernetes mount secrets as files. If the path is a folder, the file has the name of the folder:
 * `faas-cli generate` mounts the secret `x` of Knative as the folder `x` with its key `x`. Throws CONFIG_INVALID that
 * names each variable whose file cannot be read.
 */
export function readSecretFiles(variables: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const result = { ...variables };
  const problems: string[] = [];
  for (const name of FILE_VARIABLES) {
    const path = variables[`${name}_FILE`]?.trim();
    if (!path) continue;
    if (variables[name]?.trim()) {
      problems.push(`${name} and ${name}_FILE are set, but only one of them may be set`);
      continue;
    }
    try {
      result[name] = readFileSync(secretFile(path), 'utf8').trimEnd();
      if (result[name] === '') problems.push(`${name}_FILE is ${JSON.stringify(path)}, but this file is empty`);
    } catch (thrown) {
      const { code = String(thrown) } = thrown as NodeJS.ErrnoException;
      problems.push(`${name}_FILE is ${JSON.stringify(path)}, but this file cannot be read (${code})`);
    }
  }
  if (problems.length > 0) throw invalidEnvironment(problems);
  return result;
}

/** The error of invalid environment variables. */
export function invalidEnvironment(issues: string[]): SluiceError {
  return new SluiceError(
    'CONFIG_INVALID',
    `The environment is invalid: ${issues.join('; ')}. .env.example lists every variable.`,
    { details: { issues } },
  );
}

function secretFile(path: string): string {
  return statSync(path).isDirectory() ? join(path, basename(path)) : path;
}
