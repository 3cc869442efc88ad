import format from 'pg-format';
import type { Note } from '#shared/contracts/shared-schemas.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import { KEY_COLUMN } from '#shared/postgis/run-schema.ts';
import { MAX_NAMED_ROWS, type UnreadableRows } from '../readers/table-reader.ts';
import type { VectorSource } from '../vector-source.ts';
import { rowsWithGeometry } from './geojson-geometries.ts';
import { rowsWithShape } from './shapefile.ts';

/**
 * Finds the geometries of a loaded table that could not be read: GDAL stores some as missing or as an empty point, or
 * with coordinates that are not finite, and reports none of them.
 */

/** A run fails when a larger share of its geometries is unreadable. A single damaged record must not stop a file. */
const MAX_UNREADABLE_SHARE = 0.01;
/** Rows without a geometry that are fetched by one query. */
const PAGE_ROWS = 10_000;

/** Formats without a notation for an empty point. In them, GDAL reads a point with NaN or with text as an empty one. */
const WITHOUT_EMPTY_POINTS = new Set([
  'ESRI Shapefile',
  'GeoJSON',
  'GeoJSONSeq',
  'KML',
  'KMZ',
  'GPX',
  'MapInfo File',
  'MIF',
]);

/**
 * SQL that is true for a geometry with a coordinate that is not finite. The length of a line and the perimeter of a
 * polygon contain every vertex. A bounding box, which PostGIS computes without NaN, is sufficient for points only.
 */
export function notFiniteSql(geometryColumn: string): string {
  const geometry = format('%I', geometryColumn);
  const bounds = ['st_xmin', 'st_xmax', 'st_ymin', 'st_ymax'].map((bound) => `${bound}(${geometry})`);
  const finite = bounds.map((bound) => `${bound} > '-Infinity' and ${bound} < 'Infinity'`);
  const infiniteBounds = `not (${finite.join(' and ')})`;
  const isInfinite = (length: string) => `${length} in ('NaN', 'Infinity')`;
  return `case left(geometrytype(${geometry}), 10)
    when 'POINT' then ${infiniteBounds}
    when 'POINTM' then ${infiniteBounds}
    when 'GEOMETRYCO' then ${infiniteBounds}
    when 'MULTIPOINT' then ${infiniteBounds} or ${isInfinite(`st_length2d(st_linefrommultipoint(${geometry}))`)}
    else ${isInfinite(`st_length2d(${geometry}) + st_perimeter2d(${geometry})`)} end`;
}

/** SQL that is true for an empty point. */
export function emptyPointSql(geometryColumn: string): string {
  const geometry = format('%I', geometryColumn);
  return `(st_isempty(${geometry}) and left(geometrytype(${geometry}), 5) = 'POINT')`;
}

/** The numbers of rows and of unreadable geometries that measureTable finds. */
export interface GeometryCounts {
  rowCount: number;
  missing: number;
  emptyPoints: number;
  notFinite: number;
}

interface RemovalOptions {
  session: PostgisSession;
  geometryColumn: string;
  /** The rows that Sluice found itself; undefined when GDAL read the file. */
  unreadable: UnreadableRows | undefined;
  signal: AbortSignal;
}

/**
 * Removes unreadable geometries from the table. Returns a note with their number and first rows; undefined when all
 * geometries are readable, which needs no query. Throws GEOMETRY_INVALID when there are too many.
 */
export async function removeUnreadable(
  source: VectorSource,
  table: string,
  counts: GeometryCounts,
  { session, geometryColumn, unreadable, signal }: RemovalOptions,
): Promise<Note | undefined> {
  const limit = Math.floor(counts.rowCount * MAX_UNREADABLE_SHARE);
  const found = new FoundRows(limit);
  // The rows with a missing geometry come first, because the next step adds missing geometries.
  if (unreadable !== undefined) found.addCounted(unreadable);
  else if (counts.missing > 0)
    await found.addAll(missingRows(source, keysWithoutGeometry(session, table, geometryColumn), signal));
  const emptyPoints = WITHOUT_EMPTY_POINTS.has(source.format.name) ? counts.emptyPoints : 0;
  if (counts.notFinite + emptyPoints > 0) {
    const [key, geometry] = [KEY_COLUMN, geometryColumn].map((column) => format('%I', column));
    const where = [
      ...(counts.notFinite > 0 ? [notFiniteSql(geometryColumn)] : []),
      ...(emptyPoints > 0 ? [emptyPointSql(geometryColumn)] : []),
    ].join(' or ');
    const isOver = found.count + counts.notFinite + emptyPoints > limit;
    const rows = await session.query<{ key: string }>(
      isOver
        ? `select ${key} as key from ${format('%I', table)} where ${where} order by 1 limit ${MAX_NAMED_ROWS}`
        : `update ${format('%I', table)} set ${geometry} = null where ${where} returning ${key} as key`,
    );
    for (const row of rows) found.add(Number(row.key));
    found.count += counts.notFinite + emptyPoints - rows.length;
  }
  if (found.count === 0) return undefined;
  if (found.isOver) throw tooManyUnreadable(source.file, counts.rowCount, found, limit);
  const message =
    `${found.count} of ${counts.rowCount} geometries cannot be read and are missing in the asset: ` +
    `${found.names()}.`;
  return { code: 'GEOMETRY_UNREADABLE', file: source.file, message };
}

/** The rows without a geometry whose record in the file has one. Only these formats read invalid ones as missing. */
function missingRows(source: VectorSource, keys: AsyncIterable<number>, signal: AbortSignal): AsyncIterable<number> {
  if (source.format.name === 'ESRI Shapefile') return rowsWithShape(source.path, keys, signal);
  if (source.format.drivers.includes('GeoJSON')) return rowsWithGeometry(source.path, keys, signal);
  return (async function* () {})();
}

async function* keysWithoutGeometry(session: PostgisSession, table: string, geometryColumn: string) {
  for (let last = 0; ;) {
    const rows = await session.query<{ key: string }>(
      format(
        'select %2$I as key from %1$I where %3$I is null and %2$I > %4$s order by 1 limit %5$s',
        ...[table, KEY_COLUMN, geometryColumn, last, PAGE_ROWS],
      ),
    );
    for (const { key } of rows) yield Number(key);
    if (rows.length < PAGE_ROWS) return;
    last = Number(rows.at(-1)?.key);
  }
}

/** Counts rows up to one more than the limit, and keeps the first ones. */
class FoundRows {
  count = 0;
  readonly first: number[] = [];
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get isOver(): boolean {
    return this.count > this.#limit;
  }

  add(row: number): void {
    this.count++;
    this.first.push(row);
    this.first.sort((a, b) => a - b).splice(MAX_NAMED_ROWS);
  }

  addCounted({ count, first }: UnreadableRows): void {
    for (const row of first) this.add(row);
    this.count += count - first.length;
  }

  async addAll(rows: AsyncIterable<number>): Promise<void> {
    for await (const row of rows) {
      this.add(row);
      if (this.isOver && this.first.length === MAX_NAMED_ROWS) return;
    }
  }

  names(): string {
    const rows = this.count === 1 ? 'row' : 'rows';
    const more = this.count > this.first.length ? ' and more' : '';
    return `${rows} ${this.first.join(', ')}${more}`;
  }
}

function tooManyUnreadable(file: string, rowCount: number, found: FoundRows, limit: number): SluiceError {
  return new SluiceError(
    'GEOMETRY_INVALID',
    `Geometries of ${file} cannot be read: ${found.names()}. ` +
      `At most ${limit} of ${rowCount} may be unreadable (1 %). Export the file again.`,
    { details: { file, rows: found.first, limit, row_count: rowCount } },
  );
}
