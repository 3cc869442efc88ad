import { columnsForDetails, listColumns } from '#shared/tables/source-table.ts';
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

const WKT =
  /^\s*(?:SRID=\d+;\s*)?(?:MULTI)?(?:POINT|LINESTRING|POLYGON|CURVE|SURFACE|GEOMETRYCOLLECTION|CIRCULARSTRING|COMPOUNDCURVE|CURVEPOLYGON|TRIANGLE|TIN|POLYHEDRALSURFACE)(?![a-z])/i;

/**
 * The geometry columns that the manifest declares; without a declaration, those with a recognized name. A column with
 * a name of WKT whose first values are not WKT, such as the shape of an object, is used only when there are no
 * coordinates. Throws NO_GEOMETRY.
 */
export function csvGeometry(
  columns: readonly string[],
  sample: readonly (readonly (string | null)[])[],
  declared: Pick<ManifestFile, 'x_column' | 'y_column' | 'wkt_column'>,
  file: string,
): CsvGeometry {
  const { wkt_column, x_column, y_column } = declared;
  const require = (name: string) => requireColumn(columns, name, file);
  if (wkt_column !== undefined) return { kind: 'wkt', column: require(wkt_column) };
  if (x_column !== undefined && y_column !== undefined)
    return { kind: 'xy', x: require(x_column), y: require(y_column) };
  const byName = new Map(columns.map((column) => [column.trim().toLowerCase(), column]));
  const named = WKT_NAMES.flatMap((name) => byName.get(name) ?? []);
  const wkt = x_column === undefined && y_column === undefined ? named : [];
  const readable = wkt.find((column) => holdsWkt(sample, columns.indexOf(column)));
  if (readable !== undefined) return { kind: 'wkt', column: readable };
  for (const [xName, yName] of XY_NAMES) {
    const [x, y] = [x_column ?? byName.get(xName), y_column ?? byName.get(yName)];
    if (x !== undefined && y !== undefined) return { kind: 'xy', x: require(x), y: require(y) };
  }
  const [other] = wkt;
  if (other !== undefined) return { kind: 'wkt', column: other };
  throw noGeometry(
    `${file} has no coordinate columns that Sluice recognizes. Its columns are ${listColumns(columns)}. ` +
      'Set `x_column` and `y_column`, or `wkt_column`, in the manifest.',
    { file },
    columns,
  );
}

/** Whether the first values of a column are WKT; true without values. */
function holdsWkt(sample: readonly (readonly (string | null)[])[], position: number): boolean {
  const values = sample.flatMap((row) => row[position]?.trim() || []);
  return values.filter((value) => WKT.test(value)).length * 2 >= values.length;
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
    details: { ...details, columns: columnsForDetails(columns) },
  });
}
