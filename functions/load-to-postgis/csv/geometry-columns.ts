import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { ManifestFile } from '#shared/manifest/manifest.ts';

/** The columns of a CSV that hold its geometries: one of WKT, or two of coordinates. */
export type CsvGeometry = { kind: 'wkt'; column: string } | { kind: 'xy'; x: string; y: string };

/** Names that are recognized without a declaration, in this order, without regard to case. */
const WKT_NAMES = ['wkt', 'geom', 'geometry', 'the_geom', 'wkt_geom', 'wkt_geometry', 'shape'];
const XY_NAMES: [string, string][] = [
  ['x', 'y'],
  ['lon', 'lat'],
  ['lng', 'lat'],
  ['long', 'lat'],
  ['longitude', 'latitude'],
  ['easting', 'northing'],
  ['x_coord', 'y_coord'],
  ['coord_x', 'coord_y'],
];

const MAX_COLUMNS_IN_DETAILS = 100;
const MAX_COLUMNS_IN_MESSAGE = 20;

/**
 * The geometry columns that the manifest declares; without a declaration, those with a recognized name. Throws
 * NO_GEOMETRY.
 */
export function csvGeometry(
  columns: readonly string[],
  declared: Pick<ManifestFile, 'x_column' | 'y_column' | 'wkt_column'>,
  file: string,
): CsvGeometry {
  const { wkt_column, x_column, y_column } = declared;
  const require = (name: string) => requireColumn(columns, name, file);
  if (wkt_column !== undefined) return { kind: 'wkt', column: require(wkt_column) };
  if (x_column !== undefined && y_column !== undefined)
    return { kind: 'xy', x: require(x_column), y: require(y_column) };
  const byName = new Map(columns.map((column) => [column.trim().toLowerCase(), column]));
  const wkt = WKT_NAMES.map((name) => byName.get(name)).find((column) => column !== undefined);
  if (wkt !== undefined && x_column === undefined && y_column === undefined) return { kind: 'wkt', column: wkt };
  for (const [xName, yName] of XY_NAMES) {
    const [x, y] = [x_column ?? byName.get(xName), y_column ?? byName.get(yName)];
    if (x !== undefined && y !== undefined) return { kind: 'xy', x: require(x), y: require(y) };
  }
  throw noGeometry(
    `${file} has no coordinate columns that Sluice recognizes. Its columns are ${listColumns(columns)}. ` +
      'Set `x_column` and `y_column`, or `wkt_column`, in the manifest.',
    { file },
    columns,
  );
}

function requireColumn(columns: readonly string[], column: string, file: string): string {
  if (columns.includes(column)) return column;
  throw noGeometry(
    `${file} has no column ${JSON.stringify(column)}. Its columns are ${listColumns(columns)}.`,
    { file, column },
    columns,
  );
}

function noGeometry(message: string, details: { file: string; column?: string }, columns: readonly string[]) {
  return new SluiceError('NO_GEOMETRY', message, {
    details: { ...details, columns: columns.slice(0, MAX_COLUMNS_IN_DETAILS) },
  });
}

function listColumns(columns: readonly string[]): string {
  const listed = columns.slice(0, MAX_COLUMNS_IN_MESSAGE).map((column) => JSON.stringify(column));
  return `${listed.join(', ')}${columns.length > MAX_COLUMNS_IN_MESSAGE ? ', …' : ''}`;
}
