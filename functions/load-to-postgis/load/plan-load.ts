import type { GdalCommand } from '#shared/gdal/gdal.ts';
import { anyGeometryWithDimensionsOf, type Layer } from '#shared/gdal/layers.ts';
import type { VectorFormat } from '#shared/formats/vector-formats.ts';
import { MAX_IDENTIFIER_BYTES } from '#shared/postgis/column-names.ts';

/** Plans how ogr2ogr copies a layer into a staging table. */

/** Columns that ogr2ogr adds, with names that no attribute has. finishTable gives them their final names. */
export const STAGED_GEOMETRY = 'sluice~geometry';
export const STAGED_KEY = 'sluice~key';

/** Column names that PostgreSQL rejects. */
const SYSTEM_COLUMNS = new Set(['tableoid', 'xmin', 'cmin', 'xmax', 'cmax', 'ctid']);

export interface LoadPlan {
  command: GdalCommand;
  /** True when ogr2ogr adds a Z and an M to all geometries. finishTable removes those that are 0 in all vertices. */
  dimensionsGuessed: boolean;
  /** True when the geometries are loaded without an SRID. */
  sridMissing: boolean;
}

export interface LoadOptions {
  path: string;
  folder: string;
  format: VectorFormat;
  layer: Layer;
  singleLayer: boolean;
  schema: string;
  table: string;
  /** The EPSG code of the CRS if PostGIS has it; ogr2ogr then writes the SRID, and the table is written only once. */
  epsg: number | undefined;
  openOptions: readonly string[];
  environment: Record<string, string>;
}

/**
 * The name of the staging table of a file. It contains the fencing token, so a worker that continues after its claim
 * has expired writes to a table that no other worker reads.
 */
export function stagingTable(token: number, fileIndex: number): string {
  return `load_${token}_${fileIndex}`;
}

/** Plans a COPY into an unlogged table without indexes. Column names stay unchanged. */
export function planLoad(options: LoadOptions): LoadPlan {
  const { format, layer } = options;
  const hasGeometry = format.name !== 'CSV';
  const dimensionsGuessed = hasGeometry && /^Unknown/.test(layer.geometryType) && format.certainDimensions !== true;
  return {
    command: {
      command: 'ogr2ogr',
      args: [
        '-f',
        'PostgreSQL',
        'PG:',
        options.path,
        ...layerArguments(layer, options.singleLayer),
        '-nln',
        options.table,
        ...geometryArguments(layer, { hasGeometry, dimensionsGuessed }),
        '-a_srs',
        options.epsg === undefined ? 'NONE' : `EPSG:${options.epsg}`,
        '-mapFieldType',
        'String(JSON)=String', // Values that GDAL declares as JSON can be invalid (convertJsonColumns).
        '-forceNullable',
        '-unsetDefault', // Files contain rows that violate the declared constraints; the rows are loaded.
        '-gt',
        'unlimited', // One transaction: all rows or none.
        ...creationOptions(options.schema).flatMap((option) => ['-lco', option]),
        ...options.openOptions.flatMap((option) => ['-oo', option]),
      ],
      drivers: [...format.drivers, 'PostgreSQL'],
      folder: options.folder,
      environment: { PG_USE_COPY: 'YES', ...options.environment },
    },
    dimensionsGuessed,
    sridMissing: options.epsg === undefined,
  };
}

/** Layer creation options (-lco) of GDAL's PostgreSQL driver. */
function creationOptions(schema: string): string[] {
  return [
    `SCHEMA=${schema}`,
    `GEOMETRY_NAME=${STAGED_GEOMETRY}`,
    `FID=${STAGED_KEY}`,
    'FID64=YES',
    'UNLOGGED=ON',
    'SPATIAL_INDEX=NONE',
    'LAUNDER=NO', // Keep column names.
    'PRECISION=NO', // Store numbers as double precision instead of numeric(n).
  ];
}

/**
 * Requests a geometry column for every geometry type. A layer of type Unknown has one already; for such a layer, `-nlt`
 * would replace empty geometries by null.
 */
function geometryArguments(
  { geometryType }: Layer,
  { hasGeometry, dimensionsGuessed }: { hasGeometry: boolean; dimensionsGuessed: boolean },
): string[] {
  if (!hasGeometry) return ['-nlt', 'NONE'];
  if (dimensionsGuessed) return ['-dim', 'XYZM'];
  return geometryType.includes('Unknown') ? [] : ['-nlt', anyGeometryWithDimensionsOf(geometryType)];
}

/**
 * Selects the layer by name, or by a query when a name requires it: ogr2ogr reads a layer name that starts with "-" as
 * an option, and PostgreSQL rejects or truncates some column names.
 */
function layerArguments(layer: Layer, singleLayer: boolean): string[] {
  if (!layer.name.startsWith('-') && !layer.fields.some((field) => needsAlias(field.name)))
    return singleLayer ? [] : [layer.name];
  const columns = layer.fields.map((field, index) =>
    needsAlias(field.name) ? `${quoted(field.name)} AS ${quoted(`sluice~${index}`)}` : quoted(field.name),
  );
  const selection = columns.length === 0 ? '*' : columns.join(', ');
  return ['-dialect', 'OGRSQL', '-sql', `SELECT ${selection} FROM ${quoted(layer.name)}`];
}

function needsAlias(name: string): boolean {
  return name === '' || SYSTEM_COLUMNS.has(name) || Buffer.byteLength(name) > MAX_IDENTIFIER_BYTES;
}

/** Quotes an identifier for OGR SQL, in which a backslash is special only before a quotation mark. */
function quoted(name: string): string {
  return `"${name.replaceAll('"', '\\"')}"`;
}
