import { ERROR_CODES } from '#shared/errors/codes.ts';
import type { ErrorDocument } from '#shared/errors/sluice-error.ts';
import type { AssetView, RunView } from '../gateway/views.ts';
import { formatBytes, formatCount, formatSeconds, formatTime } from './format-values.ts';
import { type Colors, printable } from './terminal.ts';

/** An asset in plain words, with what a person should know of how it was made. */
export function describeAsset(asset: AssetView, colors: Colors): string {
  const { null_geometries, empty_geometries, repaired_geometries, notes } = asset.quality;
  const oddities = [[repaired_geometries, 'repaired'], [null_geometries, 'missing'], [empty_geometries, 'empty']].filter(([count]) => count !== 0);
  const facts: [string, string | undefined][] = [
    ['Rows', asset.row_count === null ? undefined : formatCount(asset.row_count)],
    ['Geometry', asset.geometry_types.join(', ') || undefined],
    ['Oddities', oddities.length === 0 ? undefined : `${oddities.map(([count, what]) => `${formatCount(Number(count))} ${what}`).join(', ')} geometries`],
    ['CRS', asset.crs ?? undefined],
    ['Bounds', asset.bbox === null ? undefined : boundsOf(asset.bbox)],
    ['Columns', asset.columns.map(({ name, type }) => `${printable(name)} (${type})`).join(', ') || undefined],
    ['Size', formatBytes(asset.size_bytes)],
    ['Object', asset.s3_key],
    ['Download', asset.url],
  ];
  return [
    colors.bold(`${asset.dataset_id}, version ${asset.version}`),
    ...facts.flatMap(([name, value]) => (value === undefined ? [] : [`  ${name.padEnd(9)} ${value}`])),
    ...notes.map(({ code, message }) => `  ${colors.yellow('Note')}      ${printable(message)} ${colors.dim(`(${code})`)}`),
  ].join('\n');
}

/** Decimals of bounds that a person reads: a metre. */
const BOUNDS_DECIMALS = 5;

function boundsOf([west, south, east, north]: NonNullable<AssetView['bbox']>): string {
  const degrees = (value: number) => String(Number(value.toFixed(BOUNDS_DECIMALS)));
  return `west ${degrees(west)}, south ${degrees(south)}, east ${degrees(east)}, north ${degrees(north)}`;
}

/** An error in plain words: its code, what was wrong and where, and what to do. */
export function describeError(error: ErrorDocument, colors: Colors): string {
  return [
    `${colors.red(colors.bold(error.code))}: ${printable(error.message)}`,
    ...whereOf(error.details).map((line) => `  ${line}`),
    `  ${ERROR_CODES[error.code].action}`,
  ].join('\n');
}

/** Details that say where, when they are plain values: `file: roads.shp`, `row: 7`. */
const PLACES = ['file', 'field', 'layer', 'column', 'row', 'feature', 'line'];

function whereOf(details: Record<string, unknown>): string[] {
  return PLACES.flatMap((place) => {
    const value = details[place];
    return typeof value === 'string' || typeof value === 'number' ? [`${place}: ${printable(String(value))}`] : [];
  });
}

/** What became of a run, in one line. */
export function describeOutcome(run: RunView, colors: Colors): string {
  const color = run.status === 'success' ? colors.green : run.status === 'running' ? colors.cyan : colors.red;
  const seconds = run.finished_at === null ? undefined : (Date.parse(run.finished_at) - Date.parse(run.created_at)) / 1000;
  const head = run.run_id === null
    ? `${color(run.error === null ? 'no run' : 'rejected')}  ${run.manifest_key}`
    : `${color(run.status)}${seconds === undefined ? '' : ` in ${formatSeconds(seconds)}`}  run ${run.run_id}`;
  return `${printable(run.batch_id ?? run.manifest_key)}: ${head}`;
}

/** The steps of a run, one a line. */
export function describeSteps(run: RunView): string[] {
  return run.steps.map(({ name, status, attempt, seconds }) => {
    const tries = attempt > 1 ? `, ${attempt} tries` : '';
    return `  ${name.padEnd(20)} ${seconds === null ? status : `${status}, ${formatSeconds(seconds)}`}${tries}`;
  });
}

/** What a run gave: its asset, and whether that was there before. */
export function describeResult(run: RunView, colors: Colors): string[] {
  if (run.asset === null) return run.status === 'success' ? ['', 'The version that it gave has been removed since: npx sluice activity'] : [];
  return [...(run.reused ? ['', reuseOf(run.asset)] : []), '', describeAsset(run.asset, colors)];
}

function reuseOf({ version, created_at }: AssetView): string {
  return `The same input was ingested in the same way before, so this run gives version ${version}, made ${formatTime(created_at)} UTC. With --force it is made again, as a new version.`;
}
