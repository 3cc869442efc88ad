import { publicUrl, type Env } from '#shared/config/env.ts';
import type { ErrorDocument } from '#shared/errors/sluice-error.ts';
import type { AssetDocument, DatasetDocument, RunDocument, Step } from '#shared/ledger/documents.ts';
import { ERROR_CODES } from '#shared/errors/codes.ts';

/** What `npm start` tells the person. Pure: each function gives lines of text. */

/** More would push the places to look off the screen. */
const DATASETS_SHOWN = 5;

/** What happened to a run: id, steps with times, the asset or the error. */
export function runLines(run: RunDocument, asset: AssetDocument | undefined, lakeBucket: string): string[] {
  const seconds = run.finished_at === null ? 0 : (Date.parse(run.finished_at) - Date.parse(run.created_at)) / 1000;
  const lines = [`run ${run.run_id}: ${run.status} in ${formatSeconds(seconds)}`, ...run.steps.map(stepLine)];
  if (run.error !== null) lines.push('', ...errorLines(run.error));
  if (asset !== undefined) lines.push('', ...assetLines(asset, lakeBucket));
  return lines;
}

function stepLine(step: Step): string {
  const seconds = step.started_at !== null && step.finished_at !== null ? formatSeconds((Date.parse(step.finished_at) - Date.parse(step.started_at)) / 1000) : '';
  return `  ${step.name.padEnd(18)} ${step.status.padEnd(8)} ${seconds}`.trimEnd();
}

function assetLines(asset: AssetDocument, lakeBucket: string): string[] {
  const rows = asset.row_count === null ? [] : [['rows', asset.row_count.toLocaleString('en')]];
  const bounds = asset.bbox === null ? [] : [['bounds', `${asset.bbox.map((value) => Number(value.toFixed(6))).join(', ')} (west, south, east, north)`]];
  const entries = [
    ['asset', `s3://${lakeBucket}/${asset.s3_key}`],
    ['dataset', `${asset.dataset_id}, version ${asset.version}`],
    ...rows,
    ...bounds,
    ['CRS', asset.crs ?? 'none'],
    ['size', `${asset.size_bytes.toLocaleString('en')} bytes`],
    ['columns', asset.columns.map((column) => column.name).join(', ')],
  ];
  return entries.map(([name = '', value = '']) => `  ${name.padEnd(9)} ${value}`);
}

/** An error and what to do about it. */
export function errorLines(error: ErrorDocument): string[] {
  return [`  ${error.code}: ${error.message}`, `  What to do: ${ERROR_CODES[error.code].action}`];
}

/** Where to look. The credentials of the embedded store are no secret; those of another one are not shown. */
export function placesLines(env: Env, options: { ownStore: boolean; asset?: AssetDocument | undefined; logFile?: string }): string[] {
  const url = publicUrl(env);
  const credentials = options.ownStore ? `; access key and secret: ${env.S3_ACCESS_KEY_ID}` : '';
  const places = [
    ['Gateway', `${url}/healthz`],
    ['Runs', `${url}/api/runs`],
    ['Assets', `${url}/api/assets`],
    ...(options.asset === undefined ? [] : [['This asset', `${url}/api/assets/${options.asset._id}/download`]]),
    ['Landing zone', `${env.S3_ENDPOINT} bucket ${env.LANDING_BUCKET} (S3${credentials})`],
    ...(options.logFile === undefined ? [] : [['Log', options.logFile]]),
  ];
  return places.map(([name = '', place = '']) => `  ${name.padEnd(13)} ${place}`);
}

/** 0.043 s, 1.2 s, 75 s */
export function formatSeconds(seconds: number): string {
  return seconds < 1 ? `${seconds.toFixed(2)} s` : seconds < 10 ? `${seconds.toFixed(1)} s` : `${Math.round(seconds)} s`;
}

/** What is in the lake: the newest datasets, and how many more there are. */
export function lakeLines(datasets: DatasetDocument[]): string[] {
  const filled = datasets.filter((dataset) => dataset.latest_version > 0);
  if (filled.length === 0) return [];
  const shown = filled.slice(0, DATASETS_SHOWN).map((dataset) => `${dataset.dataset_id} (version ${dataset.latest_version})`);
  const more = filled.length > shown.length ? ` and ${filled.length - shown.length} more` : '';
  return [`In the lake: ${shown.join(', ')}${more}`];
}
