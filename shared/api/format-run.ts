import type { Colors } from 'picocolors/types.js';
import type { ErrorDocument } from '#shared/errors/sluice-error.ts';
import { formatBytes, formatCount, formatSeconds, formatTime } from '#shared/text/amounts.ts';
import { printable } from '#shared/text/visible-text.ts';
import { adviceFor, type Ended } from '#shared/errors/codes.ts';
import { listClauses } from '#shared/text/list-names.ts';
import type { AssetView, RunView } from './views.ts';

/** Runs, assets and errors as text, for `npm start` and the command line. */

/** A run with its result. `steps` adds its steps. */
export function formatRun(run: RunView, colors: Colors, { steps }: { steps: boolean }): string {
  return [
    formatStatus(run, colors),
    ...(steps ? [...formatServer(run), ...formatSteps(run)] : []),
    ...formatResult(run, colors),
  ].join('\n');
}

/** An asset with its properties and notes. */
export function formatAsset(asset: AssetView, colors: Colors): string {
  const { quality, raster } = asset;
  const properties: [string, string | undefined][] = [
    ['Rows', asset.row_count === null ? undefined : formatCount(asset.row_count)],
    ['Pixels', raster && formatPixels(raster)],
    ['Bands', raster && formatBands(raster)],
    ['Geometry', asset.geometry_types.join(', ') || undefined],
    ['Quality', formatGeometryCounts(quality)],
    ['CRS', asset.crs ?? undefined],
    ['Bounding box', asset.bbox === null ? undefined : formatBounds(asset.bbox)],
    ['Time', asset.data_time && formatDataTime(asset.data_time)],
    ['Columns', asset.columns.map(({ name, type }) => `${printable(name)} (${type})`).join(', ') || undefined],
    ['Size', formatBytes(asset.size_bytes)],
    ['Asset', asset.id],
    ['Object', asset.s3_key],
    ['Download', asset.url],
  ];
  const noteName = colors.yellow(padded('Note'));
  return [
    colors.bold(`${asset.dataset_id}, version ${asset.version}`),
    ...properties.flatMap(([name, value]) => (value === undefined ? [] : [`${padded(name)} ${value}`])),
    ...quality.notes.map(({ code, message }) => `${noteName} ${printable(message)} ${colors.dim(`(${code})`)}`),
  ].join('\n');
}

/** The length of the longest name, `Bounding box`. */
const NAME_WIDTH = 12;

function padded(name: string): string {
  return `  ${name.padEnd(NAME_WIDTH)}`;
}

type Raster = NonNullable<AssetView['raster']>;

/** For example: `1,234 repaired, 2 missing geometries`. */
function formatGeometryCounts(quality: AssetView['quality']): string | undefined {
  const counts = [
    { count: quality.repaired_geometries, label: 'repaired' },
    { count: quality.split_geometries ?? 0, label: 'divided' },
    { count: quality.simplified_geometries ?? 0, label: 'simplified' },
    { count: quality.null_geometries, label: 'missing' },
    { count: quality.empty_geometries, label: 'empty' },
  ].filter(({ count }) => count !== 0);
  if (counts.length === 0) return undefined;
  return `${counts.map(({ count, label }) => `${formatCount(count)} ${label}`).join(', ')} geometries`;
}

/** Significant digits of pixel sizes and band values. */
const RASTER_DIGITS = 6;
/** Limit of listed bands. A time series has hundreds. */
const MAX_BANDS = 6;

/** For example: `349 x 352, each 28.5 x 28.5, overviews 2, 4`. */
function formatPixels({ width, height, resolution, overviews }: Raster): string {
  const [x, y] = resolution.map(significant);
  const levels = overviews.length === 0 ? '' : `, overviews ${overviews.join(', ')}`;
  return `${formatCount(width)} x ${formatCount(height)}, each ${x} x ${y}${levels}`;
}

function formatBands({ bands }: Raster): string {
  return listClauses(bands.map(formatBand), MAX_BANDS);
}

/** For example: `Byte 32 to 255 m, no data 0`. With scale and offset, the range is that of the measured values. */
function formatBand(band: Raster['bands'][number]): string {
  const { data_type, description, statistics, nodata, unit, scale = 1, offset = 0 } = band;
  const name = description === null ? '' : `${printable(description)}: `;
  const range =
    statistics === null
      ? 'without statistics'
      : [statistics.minimum, statistics.maximum].map((value) => significant(value * scale + offset)).join(' to ');
  const unitText = unit === undefined ? '' : ` ${printable(unit)}`;
  const nodataText = nodata === null ? '' : `, no data ${nodata}`;
  const scaleText = scale === 1 && offset === 0 ? '' : `, stored as (value - ${offset}) / ${scale}`;
  return `${name}${data_type} ${range}${unitText}${nodataText}${scaleText}`;
}

function significant(value: number): string {
  return String(Number(value.toPrecision(RASTER_DIGITS)));
}

/** Decimals of degrees in bounds: about one meter. */
const BOUNDS_DECIMALS = 5;

function formatBounds([west, south, east, north]: NonNullable<AssetView['bbox']>): string {
  const degrees = (value: number) => String(Number(value.toFixed(BOUNDS_DECIMALS)));
  const across = west > east ? ' (across longitude 180)' : '';
  return `west ${degrees(west)}, south ${degrees(south)}, east ${degrees(east)}, north ${degrees(north)}${across}`;
}

/** For example: `2017-10-18 12:00 to 2017-10-19 00:00 UTC (GRIB_VALID_TIME)`. */
function formatDataTime({ start, end, source }: NonNullable<AssetView['data_time']>): string {
  const shown = [...new Set([start, end])].map((time) => time.replace('T', ' ').replace(/(?:\.0+)?Z$/, ''));
  return `${shown.join(' to ')} UTC (${source})`;
}

/**
 * An error with its code, its location and the advice. `ended` is the run that the error ended. `reword` adapts the
 * advice to the reader.
 */
export function formatError(
  error: ErrorDocument,
  colors: Colors,
  ended?: Ended,
  reword: (advice: string) => string = (advice) => advice,
): string {
  return [
    `${colors.red(colors.bold(error.code))}: ${printable(error.message)}`,
    ...formatLocation(error.details).map((line) => `  ${line}`),
    `  ${reword(adviceFor(error.code, ended))}`,
  ].join('\n');
}

/** The details that are a location. */
const LOCATION_FIELDS = ['file', 'field', 'layer', 'column', 'row', 'feature', 'line'];

/** For example: `file: roads.shp`, `row: 7`. */
function formatLocation(details: Record<string, unknown>): string[] {
  return LOCATION_FIELDS.flatMap((field) => {
    const value = details[field];
    return typeof value === 'string' || typeof value === 'number' ? [`${field}: ${printable(String(value))}`] : [];
  });
}

/** The status of a run in one line. */
export function formatStatus(run: RunView, colors: Colors): string {
  const color = run.status === 'success' ? colors.green : run.status === 'running' ? colors.cyan : colors.red;
  const duration =
    run.finished_at === null
      ? ''
      : ` in ${formatSeconds((Date.parse(run.finished_at) - Date.parse(run.created_at)) / 1000)}`;
  const status =
    run.run_id === null
      ? `${color(run.error === null ? 'no run' : 'rejected')}  ${printable(run.manifest_key)}`
      : `${color(run.status)}${duration}  run ${run.run_id}`;
  return `${printable(run.batch_id ?? run.manifest_key)}: ${status}`;
}

function formatServer({ postgis_server: server }: RunView): string[] {
  return server === undefined ? [] : [`  on PostGIS server ${printable(server)}`];
}

function formatSteps(run: RunView): string[] {
  return run.steps.map(({ name, status, attempt, seconds }) => {
    const attempts = attempt > 1 ? `, ${attempt} attempts` : '';
    return `  ${name.padEnd(20)} ${seconds === null ? status : `${status}, ${formatSeconds(seconds)}`}${attempts}`;
  });
}

/** The assets of a run, and whether they existed before. */
function formatResult(run: RunView, colors: Colors): string[] {
  if (run.asset === null)
    return run.status === 'success'
      ? ['', 'The asset of this run was removed. To see when and by whom: npx sluice activity']
      : [];
  return [
    ...(run.reused ? ['', formatReuse(run.asset)] : []),
    ...run.assets.flatMap((asset) => ['', formatAsset(asset, colors)]),
  ];
}

function formatReuse({ version, created_at }: AssetView): string {
  return (
    `The same input was ingested before, so this run returns the existing version ${version}, ` +
    `created ${formatTime(created_at)} UTC. To create a new version, use --force.`
  );
}
