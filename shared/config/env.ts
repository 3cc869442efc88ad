import { cpus, totalmem } from 'node:os';
import { z } from 'zod';
import { trimEndOf } from '#shared/text/truncate.ts';
import {
  bucketName,
  databaseSetting,
  folder,
  functionUrl,
  geometryColumn,
  headerList,
  headerText,
  hostName,
  httpUrl,
  isLoopbackHost,
  ledgerUrl,
  namesUser,
  oneOf,
  optional,
  port,
  postgisUrls,
  signatureText,
  webhookArns,
  wholeNumber,
} from './env-rules.ts';
import { ACCESS_VARIABLES } from './access-variables.ts';
import { ALERT_VARIABLES } from './alert-variables.ts';
import { combinationProblems } from './combination-rules.ts';
import { STORE_SETUP_VARIABLES } from './store-setup-variables.ts';
import { FILE_VARIABLES, invalidEnvironment, readSecretFiles } from './secrets.ts';

/** pg-boss repeats a job after at most a day. A step and its margin must end before. */
const MAX_STEP_SECONDS = 84_600;
/** The largest object of S3. */
const MAX_OBJECT_BYTES = 5 * 2 ** 40;
/** GDAL reads most formats feature by feature or block by block, so a larger address space is rarely needed. */
const MAX_GDAL_MEMORY = 8 * 2 ** 30;
/** Less leaves too little room for shared libraries and the stacks of threads. */
const MIN_GDAL_MEMORY = 2 ** 30;

/**
 * Half of the memory of the machine or container, from 1 to 8 GiB, so that one program cannot exhaust the memory.
 * `constrained` is 0, undefined or a huge number without a limit of the container.
 */
export function defaultGdalMemory(machine: number, constrained: number | undefined): number {
  const memory = availableMemory(machine, constrained);
  return Math.min(MAX_GDAL_MEMORY, Math.max(MIN_GDAL_MEMORY, Math.floor(memory / 2)));
}

function availableMemory(machine: number, constrained: number | undefined): number {
  return constrained === undefined || constrained === 0 ? machine : Math.min(machine, constrained);
}

/** Less memory is not enough for the shared memory and a sort of one session. */
const MIN_POSTGRES_MEMORY = 1.5 * 2 ** 30;
const MIN_POSTGRES_SHARES = 4;

/** A share of the memory of the machine or container for each session that works at the same time. */
export function defaultPostgresMemory(machine: number, constrained: number | undefined, cores: number): number {
  const memory = availableMemory(machine, constrained);
  return Math.floor(Math.max(MIN_POSTGRES_MEMORY, memory / Math.max(MIN_POSTGRES_SHARES, cores)));
}

/**
 * Every environment variable that Sluice reads. `.env.example` is generated from this schema.
 * An empty value counts as not set.
 */
export const ENV_SCHEMA = z.object({
  LOG_LEVEL: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
    .default('info')
    .describe('Lowest level of log messages that are written.'),
  LOG_FILE: optional.describe('Log file. Default: SLUICE_HOME/sluice.log for npm start, else standard error.'),

  SLUICE_ENV: oneOf(['production', 'development'])
    .default('production')
    .describe(
      'With development, setup-storage and a gateway in a container accept weak secrets. Docker Compose uses ' +
        'development by default if no secret is set and PUBLIC_URL is an address of this machine (docs/compose.md).',
    ),
  SLUICE_HOME: folder.default('.sluice').describe('Folder of the embedded servers, scratch files and logs.'),
  SCRATCH_DIR: folder.optional().describe('Folder for the temporary files of steps. Default: SLUICE_HOME/scratch.'),
  HOST: hostName.default('127.0.0.1').describe('Address that the gateway listens on.'),
  PORT: port(8080).describe('Port of the gateway.'),
  SLUICE_URL: httpUrl.describe('URL of the gateway for the command line. Default: http://HOST:PORT.'),
  PUBLIC_URL: httpUrl.describe(
    'URL of the gateway for users, used in links and as producer in OpenLineage events. Default: http://HOST:PORT.',
  ),

  S3_ENDPOINT: httpUrl.describe(
    'S3 server, such as http://127.0.0.1:9000. Without it, an embedded object store is started.',
  ),
  S3_REGION: signatureText.default('us-east-1').describe('Region that S3 requests are signed for.'),
  S3_ACCESS_KEY_ID: signatureText
    .optional()
    .describe(
      'Access key of the object store. Default for the embedded one: generated, in SLUICE_HOME/s3-credentials.',
    ),
  S3_SECRET_ACCESS_KEY: headerText
    .optional()
    .describe(
      'Secret key of the object store. Default for the embedded one: generated, in SLUICE_HOME/s3-credentials.',
    ),
  S3_EMBEDDED_PORT: port(9000).describe('Port of the embedded object store.'),
  LANDING_BUCKET: bucketName.default('landing-zone').describe('Bucket that users upload to.'),
  LAKE_BUCKET: bucketName.default('data-lake').describe('Bucket of the assets.'),
  MAX_UPLOADS: wholeNumber(512, 1, 10_000).describe(
    'Uploads that the gateway receives at the same time. Further uploads get status 503 with Retry-After.',
  ),
  MAX_DOWNLOADS: wholeNumber(512, 1, 10_000).describe(
    'Downloads that the gateway sends at the same time. Further downloads get status 503 with Retry-After.',
  ),
  S3_NOTIFICATION_ARNS: webhookArns
    .default('arn:minio:sqs::SLUICE_QUEUED:webhook,arn:minio:sqs::SLUICE_DIRECT:webhook')
    .describe(
      'Webhook targets of the object store that receive upload notifications, comma-separated: ' +
        'one with a queue folder (durable) and one without (immediate).',
    ),
  WEBHOOK_TOKEN: headerText
    .optional()
    .describe(
      'Bearer token for /webhooks/minio. With access control (docs/operations.md), also for /events, /function and ' +
        '/async-function. If it is not set, the gateway rejects notifications and, with access control, events; ' +
        'calls then require a login.',
    ),

  ...ACCESS_VARIABLES,

  ...STORE_SETUP_VARIABLES,

  FUNCTION_URL: functionUrl.describe(
    'URL of the functions; {name} is replaced by the function name: http://{name}:8080. ' +
      'Without it, the gateway starts processes for the functions.',
  ),
  FUNCTION_PROCESSES: wholeNumber(1, 0, 64).describe(
    'Number of processes that execute the functions, unless FUNCTION_URL is set. ' +
      'With 0, functions run in the process of the gateway, for debugging: a file that crashes a function ends Sluice.',
  ),
  FUNCTION_MEMORY_BYTES: wholeNumber(
    Math.max(2 * 2 ** 30, Math.floor(totalmem() * 0.6)),
    64 * 2 ** 20,
    64 * 2 ** 40,
  ).describe(
    'Memory limit of one process of the functions. A process that exceeds it is restarted, and its steps are ' +
      'repeated. The further process that runs beside a long call may use half of it (docs/operations.md).',
  ),

  K_SINK: httpUrl.describe(
    'URL of a Knative broker. The gateway in a container publishes all events to it, and has no queue. Functions in ' +
      'separate processes post additional events to it; by default to /events at SLUICE_URL.',
  ),

  CONTROL_DATABASE_URL: databaseSetting.describe(
    'PostgreSQL database of the queue. Without it, the embedded PostgreSQL server is used.',
  ),
  LEDGER_URL: ledgerUrl.describe(
    'Database of the ledger: MongoDB, a replica set, or PostgreSQL. Default: MONGO_CONNECTION_STRING, else ' +
      'CONTROL_DATABASE_URL.',
  ),
  MONGO_CONNECTION_STRING: ledgerUrl.describe('Another name of LEDGER_URL.'),
  POSTGIS_URL: postgisUrls.describe(
    'PostgreSQL database with PostGIS for spatial processing, or several on different servers, separated by spaces ' +
      '(docs/scaling.md). Without it, the embedded PostgreSQL server is used.',
  ),

  OPENLINEAGE_URL: httpUrl.describe(
    'Server that receives the OpenLineage events of every run, such as http://127.0.0.1:5000.',
  ),
  OPENLINEAGE_API_KEY: headerText.optional().describe('Bearer token for OPENLINEAGE_URL.'),
  OPENLINEAGE_NAMESPACE: z.string().default('sluice').describe('Namespace of the jobs in OpenLineage events.'),

  ...ALERT_VARIABLES,

  OTEL_EXPORTER_OTLP_ENDPOINT: httpUrl.describe(
    'OpenTelemetry collector that receives the traces of runs by OTLP over HTTP, such as http://127.0.0.1:4318.',
  ),
  OTEL_EXPORTER_OTLP_HEADERS: headerList
    .optional()
    .describe('Headers of the requests to the collector: authorization=Bearer%20TOKEN.'),

  MANIFEST_ROUTER_ENABLED_LANES: z
    .string()
    .regex(
      /^ *(ingest|tabular|join) *(, *(ingest|tabular|join) *)*$/,
      'must be a comma-separated list of ingest, tabular and join',
    )
    .default('ingest,tabular,join')
    .describe('Lane groups whose manifests start runs, comma-separated.'),
  GEOMETRY_COLUMN: geometryColumn.default('geom').describe('Name of the geometry column.'),
  CLAIM_LEASE_SECONDS: wholeNumber(30, 1, 3600).describe(
    'Lease of a claim. When a worker on another machine has ended, its step can be claimed again after this time.',
  ),
  RUN_STUCK_MINUTES: wholeNumber(360, 1, 525_600).describe(
    'A run fails when no worker holds a claim and nothing has changed for this time.',
  ),
  STEP_TIMEOUT_SECONDS: wholeNumber(3600, 1, MAX_STEP_SECONDS).describe('Time limit of one step.'),
  STATEMENT_TIMEOUT_SECONDS: wholeNumber(1800, 1, MAX_STEP_SECONDS).describe(
    'Time limit of one SQL statement on the tables of a run. PostgreSQL enforces it.',
  ),
  SMALL_INPUT_BYTES: wholeNumber(4 * 2 ** 20, 1, MAX_OBJECT_BYTES).describe(
    'Runs whose input is not larger do not wait for runs with a larger one.',
  ),
  RETRY_LIMIT: wholeNumber(5, 1, 100).describe('Retries of a delivery after the first delivery attempt.'),
  RETRY_DELAY_SECONDS: wholeNumber(1, 1, 3600).describe('Delay before the first retry. It doubles with each retry.'),
  RETRY_DELAY_MAX_SECONDS: wholeNumber(60, 1, 86_400).describe('Longest delay between two delivery attempts.'),
  MAX_FILE_BYTES: wholeNumber(50 * 2 ** 30, 1, MAX_OBJECT_BYTES).describe(
    'Largest file, and largest extracted size of an archive.',
  ),
  GDAL_MEMORY_BYTES: wholeNumber(
    defaultGdalMemory(totalmem(), process.constrainedMemory()),
    32 * 2 ** 20,
    64 * 2 ** 40,
  ).describe('Address space limit of one GDAL process. Without prlimit, limit of its resident memory.'),
  GDAL_STALLED_CPU_SECONDS: wholeNumber(300, 1, MAX_STEP_SECONDS).describe(
    'Processor seconds that a GDAL program may use without reading or writing (needs /proc of Linux), and seconds ' +
      'that the reading of a workbook may take without progress.',
  ),
  POSTGRES_MEMORY_BYTES: wholeNumber(
    defaultPostgresMemory(totalmem(), process.constrainedMemory(), cpus().length),
    2 ** 30,
    64 * 2 ** 40,
  ).describe(
    'Address space limit of each process of the embedded PostgreSQL server. It includes 0.5 GB of shared memory and ' +
      'libraries.',
  ),
  CORES: wholeNumber(cpus().length, 1, 1024).describe('Number of cores for GDAL and PostGIS work.'),
});

export type Env = z.infer<typeof ENV_SCHEMA>;

/** Variables whose values are not repeated in messages. */
const SECRETS: ReadonlySet<string> = new Set<keyof Env>(
  FILE_VARIABLES.filter((name) => !name.endsWith('ACCESS_KEY_ID')),
);

/**
 * Parses environment variables, and reads the files of secrets (secrets.ts). Throws CONFIG_INVALID with each
 * invalid variable, its value and its rule, and with each combination that is not permitted.
 */
export function parseEnv(variables: NodeJS.ProcessEnv): Env {
  const set = Object.fromEntries(
    Object.entries(readSecretFiles(variables)).filter(([, value]) => value !== undefined && value.trim() !== ''),
  );
  const result = ENV_SCHEMA.safeParse(set);
  const issues = result.success
    ? combinationProblems(result.data)
    : result.error.issues.map(({ path: [name], message }) => describeProblem(String(name), set, message));
  if (result.success && issues.length === 0) return result.data;
  throw invalidEnvironment([...new Set(issues)]);
}

function describeProblem(name: string, variables: NodeJS.ProcessEnv, rule: string): string {
  const value = variables[name] ?? '';
  return SECRETS.has(name) || namesUser(value) ? `${name} ${rule}` : `${name} is ${JSON.stringify(value)}, but ${rule}`;
}

const WILDCARD_ADDRESSES = new Set(['0.0.0.0', '::']);

/** True when the gateway accepts connections from this machine only. */
export function isLoopbackOnly(env: Pick<Env, 'HOST'>): boolean {
  return isLoopbackHost(env.HOST);
}

/** True when other machines can send requests to the gateway, directly or through a proxy at PUBLIC_URL. */
export function isReachableFromNetwork(env: Pick<Env, 'HOST' | 'PUBLIC_URL'>): boolean {
  return (
    !isLoopbackHost(env.HOST) || (env.PUBLIC_URL !== undefined && !isLoopbackHost(new URL(env.PUBLIC_URL).hostname))
  );
}

/** The URL of the gateway for users, without a trailing slash. Without PUBLIC_URL, a wildcard HOST becomes loopback. */
export function publicUrl(env: Pick<Env, 'HOST' | 'PORT' | 'PUBLIC_URL'>): string {
  const host = WILDCARD_ADDRESSES.has(env.HOST) ? '127.0.0.1' : env.HOST;
  return trimEndOf(env.PUBLIC_URL ?? `http://${host}:${env.PORT}`, '/');
}
