import { cpus, totalmem } from 'node:os';
import { z } from 'zod';
import { SluiceError } from '#shared/errors/sluice-error.ts';

/** Rules complete the sentence "VARIABLE is VALUE, but …". */
const oneOf = <const V extends readonly string[]>(values: V) => z.enum(values, `must be one of ${values.join(', ')}`);
const httpUrl = z
  .string()
  .trim()
  .refine((text) => /^https?:$/.test(URL.parse(text)?.protocol ?? ''), 'must be a URL such as http://127.0.0.1:8080')
  .optional();
const port = (value: number) => {
  const rule = 'must be a whole number from 0 to 65535';
  return z.coerce.number(rule).int(rule).min(0, rule).max(65535, rule).default(value);
};
const wholeNumber = (value: number, { min }: { min: number }) => {
  const rule = `must be a whole number, ${min} or more`;
  return z.coerce.number(rule).int(rule).min(min, rule).default(value);
};
const positive = (value: number) => wholeNumber(value, { min: 1 });
/** GDAL reads most formats feature by feature or block by block, so a larger address space is rarely needed. */
const MAX_GDAL_MEMORY = 8 * 2 ** 30;
/** Less leaves too little room for shared libraries and the stacks of threads. */
const MIN_GDAL_MEMORY = 2 ** 30;

/**
 * Half of the memory of the machine or container, from 1 to 8 GiB, so that one program cannot exhaust the memory.
 * `constrained` is 0, undefined or a huge number without a limit of the container.
 */
export function defaultGdalMemory(machine: number, constrained: number | undefined): number {
  const memory = constrained === undefined || constrained === 0 ? machine : Math.min(machine, constrained);
  return Math.min(MAX_GDAL_MEMORY, Math.max(MIN_GDAL_MEMORY, Math.floor(memory / 2)));
}

const optional = z.string().trim().min(1).optional().catch(undefined);

/**
 * Every environment variable that Sluice reads. `.env.example` is generated from this schema.
 * An empty value counts as not set.
 */
export const ENV_SCHEMA = z.object({
  LOG_LEVEL: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
    .default('info')
    .describe('Lowest level of log messages that are written.'),
  LOG_FILE: optional.describe('Log file. Default: SLUICE_HOME/sluice.log for npm start, else standard error.'),

  SLUICE_HOME: z.string().default('.sluice').describe('Folder of the embedded servers, scratch files and logs.'),
  SCRATCH_DIR: optional.describe('Folder for the temporary files of steps. Default: SLUICE_HOME/scratch.'),
  HOST: z.string().default('127.0.0.1').describe('Address that the gateway listens on.'),
  PORT: port(8080).describe('Port of the gateway.'),
  SLUICE_URL: httpUrl.describe('URL of the gateway for the command line. Default: http://HOST:PORT.'),
  PUBLIC_URL: httpUrl.describe(
    'URL of the gateway for users, used in links and as producer in OpenLineage events. Default: http://HOST:PORT.',
  ),

  S3_ENDPOINT: httpUrl.describe(
    'S3 server, such as http://127.0.0.1:9000. Without it, an embedded object store is started.',
  ),
  S3_REGION: z.string().default('us-east-1').describe('Region that S3 requests are signed for.'),
  S3_ACCESS_KEY_ID: optional.describe(
    'Access key of the object store. Default for the embedded one: generated, in SLUICE_HOME/s3-credentials.',
  ),
  S3_SECRET_ACCESS_KEY: optional.describe(
    'Secret key of the object store. Default for the embedded one: generated, in SLUICE_HOME/s3-credentials.',
  ),
  S3_EMBEDDED_PORT: port(9000).describe('Port of the embedded object store.'),
  LANDING_BUCKET: z.string().default('landing-zone').describe('Bucket that users upload to.'),
  LAKE_BUCKET: z.string().default('data-lake').describe('Bucket of the assets.'),
  S3_NOTIFICATION_ARNS: z
    .string()
    .default('arn:minio:sqs::SLUICE_QUEUED:webhook,arn:minio:sqs::SLUICE_DIRECT:webhook')
    .describe(
      'Webhook targets of the object store that receive upload notifications, comma-separated: ' +
        'one with a queue folder (durable) and one without (immediate).',
    ),
  WEBHOOK_TOKEN: optional.describe('Bearer token of /webhooks/minio. Without it, that route is closed.'),

  FUNCTION_URL: optional.describe(
    'URL of the functions; {name} is replaced by the function name: http://{name}:8080. ' +
      'Without it, the gateway starts processes for the functions.',
  ),
  FUNCTION_PROCESSES: wholeNumber(1, { min: 0 }).describe(
    'Number of processes that execute the functions, unless FUNCTION_URL is set. ' +
      'With 0, functions run in the process of the gateway, for debugging: a file that crashes a function ends Sluice.',
  ),
  FUNCTION_MEMORY_BYTES: positive(Math.max(2 * 2 ** 30, Math.floor(totalmem() * 0.6))).describe(
    'Memory limit of one process of the functions. A process that exceeds it is restarted, and its steps are repeated.',
  ),

  K_SINK: httpUrl.describe(
    'URL that functions in separate processes post additional events to, such as a Knative broker. ' +
      'Default: /events at SLUICE_URL.',
  ),

  CONTROL_DATABASE_URL: optional.describe(
    'PostgreSQL database of the queue. Without it, a private PostgreSQL server is started.',
  ),
  LEDGER_URL: optional.describe('PostgreSQL database of the ledger. Default: CONTROL_DATABASE_URL.'),
  POSTGIS_URL: optional.describe(
    'PostgreSQL database with PostGIS for spatial processing. Without it, a private PostgreSQL server is started.',
  ),

  OPENLINEAGE_URL: httpUrl.describe(
    'Server that receives the OpenLineage events of every run, such as http://127.0.0.1:5000.',
  ),
  OPENLINEAGE_API_KEY: optional.describe('Bearer token for OPENLINEAGE_URL.'),
  OPENLINEAGE_NAMESPACE: z.string().default('sluice').describe('Namespace of the jobs in OpenLineage events.'),

  MANIFEST_ROUTER_ENABLED_LANES: z
    .string()
    .regex(
      /^ *(ingest|tabular|join) *(, *(ingest|tabular|join) *)*$/,
      'must be a comma-separated list of ingest, tabular and join',
    )
    .default('ingest,tabular,join')
    .describe('Lane groups whose manifests start runs, comma-separated.'),
  GEOMETRY_COLUMN: z.string().min(1).default('geom').describe('Name of the geometry column.'),
  CLAIM_LEASE_SECONDS: positive(30).describe(
    'Lease of a claim. When a worker on another machine has died, its step can be claimed again after this time.',
  ),
  RUN_STUCK_MINUTES: positive(360).describe(
    'A run fails when no worker holds a claim and nothing has changed for this time.',
  ),
  STEP_TIMEOUT_SECONDS: positive(3600).describe('Time limit of one step.'),
  RETRY_LIMIT: positive(5).describe('Retries of a step after the first attempt.'),
  RETRY_DELAY_SECONDS: positive(1).describe('Delay before the first retry. It doubles with each retry.'),
  RETRY_DELAY_MAX_SECONDS: positive(60).describe('Longest delay between two attempts.'),
  MAX_FILE_BYTES: positive(50 * 2 ** 30).describe('Largest file, and largest extracted size of an archive.'),
  GDAL_MEMORY_BYTES: positive(defaultGdalMemory(totalmem(), process.constrainedMemory())).describe(
    'Address space limit of one GDAL process. Without prlimit, limit of its resident memory.',
  ),
  GDAL_STALLED_CPU_SECONDS: positive(300).describe(
    'Processor seconds that a GDAL program may use without reading or writing. Needs /proc (Linux).',
  ),
  CORES: positive(cpus().length).describe('Number of cores for GDAL and PostGIS work.'),
});

export type Env = z.infer<typeof ENV_SCHEMA>;

/** Parses environment variables. Throws CONFIG_INVALID with each invalid variable, its value and its rule. */
export function parseEnv(variables: NodeJS.ProcessEnv): Env {
  const set = Object.fromEntries(
    Object.entries(variables).filter(([, value]) => value !== undefined && value.trim() !== ''),
  );
  const result = ENV_SCHEMA.safeParse(set);
  if (result.success) return result.data;
  const described = result.error.issues.map(
    ({ path: [name], message }) => `${String(name)} is ${JSON.stringify(set[String(name)])}, but ${message}`,
  );
  const issues = [...new Set(described)];
  throw new SluiceError(
    'CONFIG_INVALID',
    `The environment is invalid: ${issues.join('; ')}. .env.example lists every variable.`,
    { details: { issues } },
  );
}

const WILDCARD_ADDRESSES = new Set(['0.0.0.0', '::']);
const LOOPBACK_ADDRESSES = new Set(['127.0.0.1', 'localhost', '::1']);

/** True when the gateway accepts connections from this machine only. */
export function isLoopbackOnly(env: Pick<Env, 'HOST'>): boolean {
  return LOOPBACK_ADDRESSES.has(env.HOST);
}

/** The URL of the gateway for users, without a trailing slash. Without PUBLIC_URL, a wildcard HOST becomes loopback. */
export function publicUrl(env: Pick<Env, 'HOST' | 'PORT' | 'PUBLIC_URL'>): string {
  const host = WILDCARD_ADDRESSES.has(env.HOST) ? '127.0.0.1' : env.HOST;
  return (env.PUBLIC_URL ?? `http://${host}:${env.PORT}`).replace(/\/+$/, '');
}
