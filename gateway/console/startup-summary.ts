import { type Env, publicUrl } from '#shared/config/env.ts';
import type { DatasetDocument } from '#shared/ledger/documents.ts';

/** Limit, so that the addresses below stay on the screen. */
const MAX_DATASETS = 5;

/** The addresses of the running Sluice. Names the file of the generated keys, but does not show the keys. */
export function addressLines(env: Env, options: { keysFile?: string | undefined; logFile?: string }): string[] {
  const url = publicUrl(env);
  const keys = options.keysFile === undefined ? '' : `; keys in ${options.keysFile}`;
  const addresses = [
    ['Gateway', `${url}/healthz`],
    ['Runs', `${url}/api/runs`],
    ['Assets', `${url}/api/assets`],
    ['Landing zone', `${env.S3_ENDPOINT} bucket ${env.LANDING_BUCKET} (S3${keys})`],
    ...(options.logFile === undefined ? [] : [['Log', options.logFile]]),
  ];
  return addresses.map(([name = '', address = '']) => `  ${name.padEnd(13)} ${address}`);
}

/** The newest datasets that have an asset, and the number of the others. */
export function datasetLines(datasets: DatasetDocument[]): string[] {
  const filled = datasets.filter((dataset) => dataset.latest_version > 0);
  if (filled.length === 0) return [];
  const shown = filled
    .slice(0, MAX_DATASETS)
    .map((dataset) => `${dataset.dataset_id} (version ${dataset.latest_version})`);
  const more = filled.length > shown.length ? ` and ${filled.length - shown.length} more` : '';
  return [`Datasets: ${shown.join(', ')}${more}`];
}
