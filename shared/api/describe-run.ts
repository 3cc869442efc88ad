import type { Colors } from 'picocolors/types.js';
import { adviceFor, type Ended } from '#shared/errors/advice.ts';
import type { ErrorDocument } from '#shared/errors/sluice-error.ts';
import { formatBytes, formatCount, formatSeconds, formatTime } from '#shared/text/amounts.ts';
import { printable } from '#shared/text/printable.ts';
import type { AssetView, RunView } from './views.ts';

/** Runs, assets and errors in plain words, for whoever tells a person of them: `npm start` and the command line. Pure. */

/** A run with its result; its steps only on request, for whoever followed it has seen them. */
export function describeRun(run: RunView, colors: Colors, { steps }: { steps: boolean }): string {
  return [describeOutcome(run, colors), ...(steps ? describeSteps(run) : []), ...describeResult(run, colors)].join(
    '\n',
  );
}

/** An asset in plain words, with what a person should know of how it was made. */
export function describeAsset(asset: AssetView, colors: Colors): string {
  const { null_geometries, empty_geometries, repaired_geometries, notes } = asset.quality;
  const oddities = [
    [repaired_geometries, 'repaired'],
    [null_geometries, 'missing'],
    [empty_geometries, 'empty'],
  ].filter(([count]) => count !== 0);
  const facts: [string, string | undefined][] = [
    ['Rows', asset.row_count === null ? undefined : formatCount(asset.row_count)],
    ['Pixels', asset.raster && pixelsOf(asset.raster)],
    ['Bands', asset.raster && bandsOf(asset.raster)],
    ['Geometry', asset.geometry_types.join(', ') || undefined],
    [
      'Oddities',
      oddities.length === 0
        ? undefined
        : `${oddities.map(([count, what]) => `${formatCount(Number(count))} ${what}`).join(', ')} geometries`,
    ],
    ['CRS', asset.crs ?? undefined],
    ['Bounds', asset.bbox === null ? undefined : boundsOf(asset.bbox)],
    ['Columns', asset.columns.map(({ name, type }) => `${printable(name)} (${type})`).join(', ') || undefined],
    ['Size', formatBytes(asset.size_bytes)],
    ['Asset', asset.id],
    ['Object', asset.s3_key],
    ['Download', asset.url],
  ];
  return [
    colors.bold(`${asset.dataset_id}, version ${asset.version}`),
    ...facts.flatMap(([name, value]) => (value === undefined ? [] : [`  ${name.padEnd(9)} ${value}`])),
    ...notes.map(
      ({ code, message }) => `  ${colors.yellow('Note')}      ${printable(message)} ${colors.dim(`(${code})`)}`,
    ),
  ].join('\n');
}

type Raster = NonNullable<AssetView['raster']>;

/** `349 x 352, each 28.5 x 28.5, overviews 2, 4`. */
function pixelsOf({ width, height, resolution, overviews }: Raster): string {
  const [x, y] = resolution.map((size) => String(Number(size.toPrecision(PIXEL_DIGITS))));
  return `${formatCount(width)} x ${formatCount(height)}, each ${x} x ${y}${overviews.length === 0 ? '' : `, overviews ${overviews.join(', ')}`}`;
}

/** Digits of a pixel size that a person reads. */
const PIXEL_DIGITS = 6;
/** Bands told one by one; a series of times has hundreds. */
const BANDS_TOLD = 6;

/** `Byte from 32 to 255; …`, with unit and "no data". */
function bandsOf({ bands }: Raster): string {
  const told = bands.slice(0, BANDS_TOLD).map(({ data_type, description, statistics, nodata, unit }) => {
    const range =
      statistics === null
        ? 'without data'
        : `${Number(statistics.minimum.toPrecision(PIXEL_DIGITS))} to ${Number(statistics.maximum.toPrecision(PIXEL_DIGITS))}`;
    return `${description === null ? '' : `${printable(description)}: `}${data_type} ${range}${unit === undefined ? '' : ` ${printable(unit)}`}${nodata === null ? '' : `, no data ${nodata}`}`;
  });
  return [...told, ...(bands.length > told.length ? [`and ${bands.length - told.length} more`] : [])].join('; ');
}

/** Decimals of bounds that a person reads: a meter. */
const BOUNDS_DECIMALS = 5;

function boundsOf([west, south, east, north]: NonNullable<AssetView['bbox']>): string {
  const degrees = (value: number) => String(Number(value.toFixed(BOUNDS_DECIMALS)));
  return `west ${degrees(west)}, south ${degrees(south)}, east ${degrees(east)}, north ${degrees(north)}`;
}

/** An error in plain words: its code, what was wrong and where, and what to do; `ended` is the run that it ended. */
export function describeError(error: ErrorDocument, colors: Colors, ended?: Ended): string {
  return [
    `${colors.red(colors.bold(error.code))}: ${printable(error.message)}`,
    ...whereOf(error.details).map((line) => `  ${line}`),
    `  ${adviceFor(error.code, ended)}`,
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
  const seconds =
    run.finished_at === null ? undefined : (Date.parse(run.finished_at) - Date.parse(run.created_at)) / 1000;
  const head =
    run.run_id === null
      ? `${color(run.error === null ? 'no run' : 'rejected')}  ${run.manifest_key}`
      : `${color(run.status)}${seconds === undefined ? '' : ` in ${formatSeconds(seconds)}`}  run ${run.run_id}`;
  return `${printable(run.batch_id ?? run.manifest_key)}: ${head}`;
}

function describeSteps(run: RunView): string[] {
  return run.steps.map(({ name, status, attempt, seconds }) => {
    const tries = attempt > 1 ? `, ${attempt} tries` : '';
    return `  ${name.padEnd(20)} ${seconds === null ? status : `${status}, ${formatSeconds(seconds)}`}${tries}`;
  });
}

/** Its assets, and whether they were there before. */
function describeResult(run: RunView, colors: Colors): string[] {
  if (run.asset === null)
    return run.status === 'success' ? ['', 'The version that it gave has been removed since: npx sluice activity'] : [];
  return [
    ...(run.reused ? ['', reuseOf(run.asset)] : []),
    ...run.assets.flatMap((asset) => ['', describeAsset(asset, colors)]),
  ];
}

function reuseOf({ version, created_at }: AssetView): string {
  return `The same input was ingested in the same way before, so this run gives version ${version}, made ${formatTime(created_at)} UTC. With --force it is made again, as a new version.`;
}
