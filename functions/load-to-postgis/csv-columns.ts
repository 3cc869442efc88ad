import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { ManifestFile } from '#shared/manifest/manifest.ts';

/** Where a CSV keeps its geometries: as WKT in one column, or as coordinates in two. */
export type CsvGeometry = { kind: 'wkt'; column: string } | { kind: 'xy'; x: string; y: string };

/** Names that are understood without being declared, in this order; case does not matter. */
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

/** The geometry columns that the manifest names, else those with a usual name. Throws NO_GEOMETRY with the columns that there are. */
export function csvGeometry(
  columns: readonly string[],
  declared: Pick<ManifestFile, 'x_column' | 'y_column' | 'wkt_column'>,
  file: string,
): CsvGeometry {
  if (declared.wkt_column !== undefined) return { kind: 'wkt', column: present(columns, declared.wkt_column, file) };
  if (declared.x_column !== undefined && declared.y_column !== undefined)
    return { kind: 'xy', x: present(columns, declared.x_column, file), y: present(columns, declared.y_column, file) };
  const byName = new Map(columns.map((column) => [column.trim().toLowerCase(), column]));
  const wkt = WKT_NAMES.map((name) => byName.get(name)).find((column) => column !== undefined);
  if (wkt !== undefined && declared.x_column === undefined && declared.y_column === undefined)
    return { kind: 'wkt', column: wkt };
  for (const [xName, yName] of XY_NAMES) {
    const [x, y] = [declared.x_column ?? byName.get(xName), declared.y_column ?? byName.get(yName)];
    if (x !== undefined && y !== undefined)
      return { kind: 'xy', x: present(columns, x, file), y: present(columns, y, file) };
  }
  throw new SluiceError(
    'NO_GEOMETRY',
    `${file} has no column of coordinates that Sluice recognizes; it has ${told(columns)}. Set \`x_column\` and \`y_column\`, or \`wkt_column\`, in the manifest.`,
    { details: { file, columns: columns.slice(0, 100) } },
  );
}

function present(columns: readonly string[], name: string, file: string): string {
  if (columns.includes(name)) return name;
  throw new SluiceError('NO_GEOMETRY', `${file} has no column ${JSON.stringify(name)}; it has ${told(columns)}.`, {
    details: { file, column: name, columns: columns.slice(0, 100) },
  });
}

function told(columns: readonly string[]): string {
  return `${columns
    .slice(0, 20)
    .map((column) => JSON.stringify(column))
    .join(', ')}${columns.length > 20 ? ', …' : ''}`;
}
