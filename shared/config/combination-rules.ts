import { resolve, sep } from 'node:path';
import { isLoopbackHost } from './env-rules.ts';

/** Rules of several environment variables. Each returned line names the variables. */

/** The parsed variables that the rules compare. */
export interface ComparedVariables {
  LANDING_BUCKET: string;
  LAKE_BUCKET: string;
  PORT: number;
  S3_EMBEDDED_PORT: number;
  S3_ENDPOINT?: string | undefined;
  S3_ACCESS_KEY_ID?: string | undefined;
  S3_SECRET_ACCESS_KEY?: string | undefined;
  S3_ADMIN_ACCESS_KEY_ID?: string | undefined;
  S3_ADMIN_SECRET_ACCESS_KEY?: string | undefined;
  S3_UPLOADER_ACCESS_KEY_ID?: string | undefined;
  S3_UPLOADER_SECRET_ACCESS_KEY?: string | undefined;
  S3_PIPELINE_ACCESS_KEY_ID?: string | undefined;
  S3_PIPELINE_SECRET_ACCESS_KEY?: string | undefined;
  S3_GATEWAY_ACCESS_KEY_ID?: string | undefined;
  S3_GATEWAY_SECRET_ACCESS_KEY?: string | undefined;
  SLUICE_HOME: string;
  SCRATCH_DIR?: string | undefined;
  RETRY_DELAY_SECONDS: number;
  RETRY_DELAY_MAX_SECONDS: number;
  HOST: string;
  FUNCTION_URL?: string | undefined;
  WEBHOOK_TOKEN?: string | undefined;
  K_SINK?: string | undefined;
  OPENLINEAGE_URL?: string | undefined;
  ALERT_WEBHOOK_URL?: string | undefined;
  ALERT_WEBHOOK_TOKEN?: string | undefined;
  OTEL_EXPORTER_OTLP_ENDPOINT?: string | undefined;
  OTEL_EXPORTER_OTLP_HEADERS?: string | undefined;
  OPENLINEAGE_API_KEY?: string | undefined;
  PUBLIC_URL?: string | undefined;
  OIDC_ISSUER?: string | undefined;
  OIDC_CLIENT_ID?: string | undefined;
  OIDC_ROLES?: string | undefined;
}

/** S3 servers such as MinIO require secrets of this length, too. */
const MIN_SECRET_CHARACTERS = 8;

/** Describes each combination of valid values that is not permitted. */
export function combinationProblems(env: ComparedVariables): string[] {
  return [
    ...bucketAndPortProblems(env),
    ...keyProblems(env),
    ...folderProblems(env),
    ...providerProblems(env),
    ...otherProblems(env),
  ];
}

function bucketAndPortProblems(env: ComparedVariables): string[] {
  const problems: string[] = [];
  if (env.LANDING_BUCKET === env.LAKE_BUCKET)
    problems.push(`LAKE_BUCKET is ${JSON.stringify(env.LAKE_BUCKET)}, but must differ from LANDING_BUCKET`);
  // Port 0 selects a free port.
  if (env.S3_ENDPOINT === undefined && env.PORT === env.S3_EMBEDDED_PORT && env.PORT !== 0)
    problems.push(`S3_EMBEDDED_PORT is "${env.S3_EMBEDDED_PORT}", but must differ from PORT`);
  return problems;
}

/** The prefixes of the variables ACCESS_KEY_ID and SECRET_ACCESS_KEY. */
const KEY_PREFIXES = ['S3', 'S3_ADMIN', 'S3_UPLOADER', 'S3_PIPELINE', 'S3_GATEWAY'] as const;

function keyProblems(env: ComparedVariables): string[] {
  const halfPairs = KEY_PREFIXES.flatMap((prefix) => {
    const pair = [`${prefix}_ACCESS_KEY_ID`, `${prefix}_SECRET_ACCESS_KEY`] as const;
    const missing = pair.filter((name) => env[name] === undefined);
    const given = pair.filter((name) => env[name] !== undefined);
    return missing.length === 1 ? [`${missing[0]} is not set, but must be set together with ${given[0]}`] : [];
  });
  if (halfPairs.length > 0) return halfPairs;
  const secret = env.S3_SECRET_ACCESS_KEY;
  // setup-storage uses the key of the administrator.
  if (env.S3_ENDPOINT !== undefined && secret === undefined && env.S3_ADMIN_SECRET_ACCESS_KEY === undefined)
    return ['S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY are not set, but must be set together with S3_ENDPOINT'];
  if (env.S3_ENDPOINT === undefined && secret !== undefined && secret.length < MIN_SECRET_CHARACTERS)
    return [
      `S3_SECRET_ACCESS_KEY must have at least ${MIN_SECRET_CHARACTERS} characters for the embedded object store`,
    ];
  return [];
}

/** Old scratch folders are deleted at the start. */
function folderProblems(env: ComparedVariables): string[] {
  if (env.SCRATCH_DIR === undefined) return [];
  const [home, scratch] = [resolve(env.SLUICE_HOME), resolve(env.SCRATCH_DIR)];
  if (scratch !== home && !home.startsWith(scratch + sep)) return [];
  return [`SCRATCH_DIR is ${JSON.stringify(env.SCRATCH_DIR)}, but must not contain SLUICE_HOME`];
}

/** Tokens and codes would be readable over HTTP, and the provider has to know the address of the gateway. */
function providerProblems(env: ComparedVariables): string[] {
  if (env.OIDC_ISSUER === undefined) return [];
  const needed = [
    'OIDC_CLIENT_ID',
    'OIDC_ROLES',
    ...(isLoopbackHost(env.HOST) ? [] : (['PUBLIC_URL'] as const)),
  ] as const;
  const problems = needed
    .filter((name) => env[name] === undefined)
    .map((name) => `${name} is not set, but must be set together with OIDC_ISSUER`);
  const { protocol, hostname } = new URL(env.OIDC_ISSUER);
  if (protocol !== 'https:' && !isLoopbackHost(hostname))
    problems.push(`OIDC_ISSUER is ${JSON.stringify(env.OIDC_ISSUER)}, but must begin with https://`);
  return problems;
}

function otherProblems(env: ComparedVariables): string[] {
  const problems: string[] = [];
  if (env.RETRY_DELAY_SECONDS > env.RETRY_DELAY_MAX_SECONDS)
    problems.push(
      `RETRY_DELAY_SECONDS is "${env.RETRY_DELAY_SECONDS}", but must be at most RETRY_DELAY_MAX_SECONDS ` +
        `(${env.RETRY_DELAY_MAX_SECONDS})`,
    );
  if (env.OPENLINEAGE_API_KEY !== undefined && env.OPENLINEAGE_URL === undefined)
    problems.push('OPENLINEAGE_URL is not set, but must be set together with OPENLINEAGE_API_KEY');
  if (env.ALERT_WEBHOOK_TOKEN !== undefined && env.ALERT_WEBHOOK_URL === undefined)
    problems.push('ALERT_WEBHOOK_URL is not set, but must be set together with ALERT_WEBHOOK_TOKEN');
  if (env.OTEL_EXPORTER_OTLP_HEADERS !== undefined && env.OTEL_EXPORTER_OTLP_ENDPOINT === undefined)
    problems.push('OTEL_EXPORTER_OTLP_ENDPOINT is not set, but must be set together with OTEL_EXPORTER_OTLP_HEADERS');
  // The functions post events to the gateway, which requires the token on this address.
  const postToGateway = env.FUNCTION_URL !== undefined && env.K_SINK === undefined;
  if (postToGateway && !isLoopbackHost(env.HOST) && env.WEBHOOK_TOKEN === undefined)
    problems.push(`WEBHOOK_TOKEN is not set, but must be set together with FUNCTION_URL if HOST is "${env.HOST}"`);
  return problems;
}
