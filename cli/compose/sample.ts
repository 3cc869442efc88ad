import { createColors } from 'picocolors';
import { formatError, formatRun } from '#shared/api/format-run.ts';
import type { RunView } from '#shared/api/views.ts';
import { type Env, parseEnv, publicUrl } from '#shared/config/env.ts';
import { asSluiceError } from '#shared/errors/sluice-error.ts';
import { openObjectStore } from '#shared/storage/s3.ts';
import { SAMPLE_BATCH, SAMPLE_MANIFEST_KEY, SAMPLE_TITLE, uploadSample } from '../../gateway/console/sample-batch.ts';
import { followRun, GatewayClient } from '../gateway-client.ts';

/**
 * The service `sample` of docker-compose.yaml: `node cli/compose/sample.ts ADDRESS_OF_THE_OBJECT_STORE`. The first
 * start ingests the sample with the key of the uploader: MinIO notifies the gateway of the manifest. Every start prints
 * the addresses. The environment has the key of the uploader, and SLUICE_URL.
 */

/** Output without colors, because Compose writes it to a log. */
const PLAIN = createColors(false);
const print = (text: string) => void process.stdout.write(`${text}\n`);

try {
  const env = parseEnv(process.env);
  const client = new GatewayClient(env.SLUICE_URL ?? publicUrl(env), { login: env });
  const { signal } = new AbortController();
  const runs = await client.get<RunView[]>('/api/runs?limit=1', signal);
  const view = runs.length === 0 ? await ingestSample(env, client, signal) : undefined;
  if (view !== undefined) print(`\n${formatRun(view, PLAIN, { steps: true })}\n`);
  if (view?.error) print(`${formatError(view.error, PLAIN, view)}\n`);
  print(addresses(env, process.argv[2] ?? ''));
  if (view !== undefined && view.status !== 'success') process.exitCode = 1;
} catch (thrown) {
  print(formatError(asSluiceError(thrown).toDocument(), PLAIN));
  process.exitCode = 1;
}

async function ingestSample(env: Env, client: GatewayClient, signal: AbortSignal): Promise<RunView | undefined> {
  print(`First start: ingesting the sample, ${SAMPLE_TITLE}.`);
  const objects = openObjectStore(env);
  try {
    await uploadSample(objects, env.LANDING_BUCKET);
  } finally {
    objects.close();
  }
  const query = new URLSearchParams({ manifest_key: SAMPLE_MANIFEST_KEY });
  let last: RunView | undefined;
  for await (last of followRun(client, `/api/batches/${SAMPLE_BATCH}/events?${query}`, signal));
  return last;
}

function addresses(env: Env, storeUrl: string): string {
  const url = publicUrl(env);
  return [
    `Sluice is ready: ${url}`,
    '',
    `  Runs      ${url}/api/runs`,
    `  Assets    ${url}/api/assets`,
    `  Health    ${url}/healthz`,
    `  Upload    ${storeUrl}  bucket ${env.LANDING_BUCKET} (S3, access key ${env.S3_ACCESS_KEY_ID}, secret ` +
      'S3_UPLOADER_SECRET_ACCESS_KEY of .env)',
    '',
    'User: admin. To show the password: docker compose run --rm --no-deps secrets admin-password',
    'To ingest a file of this folder:',
    '  docker compose run --rm -v "$PWD:/files:ro" cli ingest /files/FILE --dataset NAME',
    'docs/compose.md describes uploads with S3 clients, secrets, backup and upgrade.',
  ].join('\n');
}
