import { cpus } from 'node:os';
import { z } from 'zod';
import { SluiceError } from '#shared/errors/sluice-error.ts';

/** Rules end the sentence "VARIABLE is VALUE, but …". */
const oneOf = <const V extends readonly string[]>(values: V) => z.enum(values, `must be one of ${values.join(', ')}`);
const httpUrl = z
  .string()
  .trim()
  .refine(
    (text) => /^https?:$/.test(URL.parse(text)?.protocol ?? ''),
    'must be an address such as http://127.0.0.1:8080',
  )
  .optional();
const port = (value: number) => {
  const rule = 'must be a whole number from 0 to 65535';
  return z.coerce.number(rule).int(rule).min(0, rule).max(65535, rule).default(value);
};
const positive = (value: number) => {
  const rule = 'must be a whole number from 1';
  return z.coerce.number(rule).int(rule).positive(rule).default(value);
};
const optional = z.string().trim().min(1).optional().catch(undefined);

/**
 * Every environment variable that Sluice reads: the one map. `.env.example` is checked against it.
 * An empty value counts as not set.
 */
export const ENV_SCHEMA = z.object({
  LOG_LEVEL: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
    .default('info')
    .describe('How much is logged.'),
  LOG_FILE: optional.describe(
    'File that the log is written to; npm start writes SLUICE_HOME/sluice.log, everything else to standard error.',
  ),

  SLUICE_HOME: z.string().default('.sluice').describe('Folder of the embedded servers, scratch files and logs.'),
  SCRATCH_DIR: optional.describe('Folder for files that a step works on; default SLUICE_HOME/scratch.'),
  HOST: z.string().default('127.0.0.1').describe('Address that the gateway listens on.'),
  PORT: port(8080).describe('Port of the gateway.'),
  SLUICE_URL: httpUrl.describe('Where the command line finds the gateway; default http://HOST:PORT.'),
  PUBLIC_URL: httpUrl.describe('The gateway as users reach it, used in links; default http://HOST:PORT.'),

  S3_ENDPOINT: httpUrl.describe('An S3 server to use instead of the embedded one, such as http://127.0.0.1:9000.'),
  S3_REGION: z.string().default('us-east-1').describe('Region that requests are signed for.'),
  S3_ACCESS_KEY_ID: z.string().default('S3RVER').describe('Access key of the object store.'),
  S3_SECRET_ACCESS_KEY: z.string().default('S3RVER').describe('Secret key of the object store.'),
  S3_EMBEDDED_PORT: port(9000).describe('Port of the embedded object store.'),
  LANDING_BUCKET: z.string().default('landing-zone').describe('Bucket that users upload to.'),
  LAKE_BUCKET: z.string().default('data-lake').describe('Bucket of the assets.'),
  S3_NOTIFICATION_ARNS: z
    .string()
    .default('arn:minio:sqs::SLUICE_QUEUED:webhook,arn:minio:sqs::SLUICE_DIRECT:webhook')
    .describe(
      'Webhook targets of the object store that announce uploads, comma-separated: one with a queue folder (durable), one without (immediate).',
    ),
  WEBHOOK_TOKEN: optional.describe('Bearer token of /webhooks/minio; without it that route is closed.'),

  FUNCTION_URL: optional.describe(
    'Where functions answer, with {name} in place of the name: http://{name}:8080; without it they run in this process.',
  ),

  K_SINK: httpUrl.describe(
    'Where functions in processes of their own post events beyond their reply: a Knative broker; by default /events of the gateway at SLUICE_URL.',
  ),

  CONTROL_DATABASE_URL: optional.describe(
    'PostgreSQL of the queue and the ledger; without it a private server is started.',
  ),
  POSTGIS_URL: optional.describe('PostgreSQL with PostGIS that computes; without it a private server is started.'),

  OPENLINEAGE_URL: httpUrl.describe(
    'Server that gets the OpenLineage events of every run, such as http://127.0.0.1:5000.',
  ),
  OPENLINEAGE_API_KEY: optional.describe('Bearer token for OPENLINEAGE_URL.'),
  OPENLINEAGE_NAMESPACE: z.string().default('sluice').describe('Namespace of the jobs in OpenLineage events.'),

  MANIFEST_ROUTER_ENABLED_LANES: z
    .string()
    .regex(
      /^ *(ingest|tabular|join) *(, *(ingest|tabular|join) *)*$/,
      'must name lanes out of ingest, tabular and join, separated by commas',
    )
    .default('ingest,tabular,join')
    .describe('Lanes that start runs, comma-separated.'),
  GEOMETRY_COLUMN: z.string().min(1).default('geom').describe('Name of the geometry column.'),
  CLAIM_LEASE_SECONDS: positive(30).describe(
    'A step whose worker has died on another machine is free again after this time.',
  ),
  RUN_STUCK_MINUTES: positive(360).describe(
    'A run in which nothing has happened for so long, and nobody works on, fails.',
  ),
  STEP_TIMEOUT_SECONDS: positive(3600).describe('Longest time for one step.'),
  RETRY_LIMIT: positive(5).describe('Tries of a step after the first one.'),
  RETRY_DELAY_SECONDS: positive(1).describe('Wait before the first retry; doubles with each one.'),
  RETRY_DELAY_MAX_SECONDS: positive(60).describe('Longest wait between two tries.'),
  MAX_FILE_BYTES: positive(50 * 2 ** 30).describe('Largest file, and largest content of an archive.'),
  GDAL_MEMORY_BYTES: positive(8 * 2 ** 30).describe('Address space that one GDAL process may use.'),
  CORES: positive(cpus().length).describe('Cores for GDAL and PostGIS work.'),
});

export type Env = z.infer<typeof ENV_SCHEMA>;

/** Parses the environment. Throws CONFIG_INVALID that names each wrong variable, its value, and what is allowed. */
export function parseEnv(variables: NodeJS.ProcessEnv): Env {
  const set = Object.fromEntries(
    Object.entries(variables).filter(([, value]) => value !== undefined && value.trim() !== ''),
  );
  const result = ENV_SCHEMA.safeParse(set);
  if (result.success) return result.data;
  const issues = [
    ...new Set(
      result.error.issues.map(
        ({ path: [name], message }) => `${String(name)} is ${JSON.stringify(set[String(name)])}, but ${message}`,
      ),
    ),
  ];
  throw new SluiceError(
    'CONFIG_INVALID',
    `Wrong environment: ${issues.join('; ')}. .env.example lists every variable.`,
    { details: { issues } },
  );
}

const EVERY_ADDRESS = new Set(['0.0.0.0', '::']);
const LOOPBACK = new Set(['127.0.0.1', 'localhost', '::1']);

/** True when only this machine reaches the gateway. */
export function isLoopbackOnly(from: Env): boolean {
  return LOOPBACK.has(from.HOST);
}

/** The gateway as users reach it, without a slash at the end. On every address, without PUBLIC_URL, only this machine's own is known. */
export function publicUrl(from: Env): string {
  const host = EVERY_ADDRESS.has(from.HOST) ? '127.0.0.1' : from.HOST;
  return (from.PUBLIC_URL ?? `http://${host}:${from.PORT}`).replace(/\/+$/, '');
}
