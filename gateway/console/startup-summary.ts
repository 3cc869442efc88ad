import { publicUrl, type Env } from '#shared/config/env.ts';
import type { DatasetDocument } from '#shared/ledger/documents.ts';

/** What `npm start` tells the person besides runs and errors (describe-run.ts). Pure: each function gives lines of text. */

/** More would push the places to look off the screen. */
const DATASETS_SHOWN = 5;

/** Where to look. The credentials of the embedded store are no secret; those of another one are not shown. */
export function placesLines(env: Env, options: { ownStore: boolean; logFile?: string }): string[] {
  const url = publicUrl(env);
  const credentials = options.ownStore ? `; access key and secret: ${env.S3_ACCESS_KEY_ID}` : '';
  const places = [
    ['Gateway', `${url}/healthz`],
    ['Runs', `${url}/api/runs`],
    ['Assets', `${url}/api/assets`],
    ['Landing zone', `${env.S3_ENDPOINT} bucket ${env.LANDING_BUCKET} (S3${credentials})`],
    ...(options.logFile === undefined ? [] : [['Log', options.logFile]]),
  ];
  return places.map(([name = '', place = '']) => `  ${name.padEnd(13)} ${place}`);
}

/** What is in the lake: the newest datasets, and how many more there are. */
export function lakeLines(datasets: DatasetDocument[]): string[] {
  const filled = datasets.filter((dataset) => dataset.latest_version > 0);
  if (filled.length === 0) return [];
  const shown = filled
    .slice(0, DATASETS_SHOWN)
    .map((dataset) => `${dataset.dataset_id} (version ${dataset.latest_version})`);
  const more = filled.length > shown.length ? ` and ${filled.length - shown.length} more` : '';
  return [`In the lake: ${shown.join(', ')}${more}`];
}
