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
  SLUICE_HOME: string;
  SCRATCH_DIR?: string | undefined;
  RETRY_DELAY_SECONDS: number;
  RETRY_DELAY_MAX_SECONDS: number;
  HOST: string;
  FUNCTION_URL?: string | undefined;
  WEBHOOK_TOKEN?: string | undefined;
  K_SINK?: string | undefined;
  OPENLINEAGE_URL?: string | undefined;
  OPENLINEAGE_API_KEY?: string | undefined;
}

/** S3 servers such as MinIO require secrets of this length, too. */
const MIN_SECRET_CHARACTERS = 8;

/** Describes each combination of valid values that is not permitted. */
export function combinationProblems(env: ComparedVariables): string[] {
  return [...bucketAndPortProblems(env), ...keyProblems(env), ...folderProblems(env), ...otherProblems(env)];
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

function keyProblems(env: ComparedVariables): string[] {
  const { S3_ACCESS_KEY_ID: keyId, S3_SECRET_ACCESS_KEY: secret } = env;
  if ((keyId === undefined) !== (secret === undefined)) {
    const [missing, given] =
      keyId === undefined ? ['S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY'] : ['S3_SECRET_ACCESS_KEY', 'S3_ACCESS_KEY_ID'];
    return [`${missing} is not set, but must be set together with ${given}`];
  }
  if (env.S3_ENDPOINT !== undefined && secret === undefined)
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

function otherProblems(env: ComparedVariables): string[] {
  const problems: string[] = [];
  if (env.RETRY_DELAY_SECONDS > env.RETRY_DELAY_MAX_SECONDS)
    problems.push(
      `RETRY_DELAY_SECONDS is "${env.RETRY_DELAY_SECONDS}", but must be at most RETRY_DELAY_MAX_SECONDS ` +
        `(${env.RETRY_DELAY_MAX_SECONDS})`,
    );
  if (env.OPENLINEAGE_API_KEY !== undefined && env.OPENLINEAGE_URL === undefined)
    problems.push('OPENLINEAGE_URL is not set, but must be set together with OPENLINEAGE_API_KEY');
  // The functions post events to the gateway, which requires the token on this address.
  const postToGateway = env.FUNCTION_URL !== undefined && env.K_SINK === undefined;
  if (postToGateway && !isLoopbackHost(env.HOST) && env.WEBHOOK_TOKEN === undefined)
    problems.push(`WEBHOOK_TOKEN is not set, but must be set together with FUNCTION_URL if HOST is "${env.HOST}"`);
  return problems;
}
