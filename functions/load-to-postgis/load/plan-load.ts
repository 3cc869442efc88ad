import type { GdalCommand } from '#shared/gdal/gdal.ts';
import { anyGeometryWithDimensionsOf, type Layer } from '#shared/gdal/layers.ts';
import type { VectorFormat } from '#shared/formats/vector-formats.ts';
import { MAX_IDENTIFIER_BYTES, SYSTEM_COLUMNS } from '#shared/contracts/column-names.ts';
import { CONVERTED_TABLE } from '../readers/sqlite-job.ts';
import type { StagedNames } from '../staging/staged-names.ts';
import type { VectorSource } from '../vector-source.ts';

/** Plans how ogr2ogr copies a layer into a staging table. */

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
  names: StagedNames;
  /** The EPSG code of the CRS if PostGIS has it; ogr2ogr then writes the SRID, and the table is written only once. */
  epsg: number | undefined;
  openOptions: readonly string[];
  /** The types in PostgreSQL of the fields that GDAL reads as text; undefined for a field that it reads otherwise. */
  columnTypes?: readonly (string | undefined)[];
  environment: Record<string, string>;
}

/** The open options (-oo) of GDAL's driver for a source. */
export function openOptions(source: VectorSource): string[] {
  if (source.json !== undefined) return ['DATE_AS_STRING=YES']; // The strings are not examined for dates.
  if (source.format.encoding !== 'driver' || source.declared.encoding === undefined) return [];
  return [`ENCODING=${source.declared.encoding}`];
}

/** Plans a COPY into an unlogged table without indexes. Column names stay unchanged. */
export function planLoad(options: LoadOptions): LoadPlan {
  const { format, layer } = options;
  const dimensionsGuessed = /^Unknown/.test(layer.geometryType) && format.certainDimensions !== true;
  return {
    command: {
      command: 'ogr2ogr',
      args: [
        '-f',
        'PostgreSQL',
        'PG:',
        options.path,
        ...layerArguments({ ...options, hasAlias: hasAliases(options.layer, options.columnTypes ?? []) }),
        '-nln',
        options.table,
        ...geometryArguments(layer, dimensionsGuessed),
        '-a_srs',
        options.epsg === undefined ? 'NONE' : `EPSG:${options.epsg}`,
        '-mapFieldType',
        'String(JSON)=String', // Values that GDAL declares as JSON can be invalid (convertJsonColumns).
        '-forceNullable',
        '-unsetFieldWidth', // GDAL cuts texts and numbers to a declared or guessed width.
        '-unsetDefault', // Files contain rows that violate the declared constraints; the rows are loaded.
        '-gt',
        'unlimited', // One transaction: all rows or none.
        ...creationOptions(options).flatMap((option) => ['-lco', option]),
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

/**
 * Plans a conversion to the SQLite database `output`, for formats in which only GDAL can read the numbers. In the
 * database they keep their bits; in a COPY of GDAL they have 15 digits.
 */
export function planConversion(
  { path, folder, format, layer, singleLayer, names, environment }: Omit<LoadOptions, 'schema' | 'table' | 'epsg'>,
  output: string,
): GdalCommand {
  const hasAlias = hasEqualNames(layer);
  const creation = [
    'SPATIAL_INDEX=NO',
    'LAUNDER=NO',
    `FID=${names.key}`,
    `GEOMETRY_NAME=${names.geometry}`,
    'COMPRESS_GEOM=NO',
  ];
  const geometry = geometryArguments(layer, false);
  return {
    command: 'ogr2ogr',
    args: [
      ...['-f', 'SQLite', output, path, ...layerArguments({ layer, singleLayer, names, hasAlias }), ...geometry],
      ...['-nln', CONVERTED_TABLE, '-a_srs', 'NONE', '-forceNullable', '-unsetFieldWidth', '-unsetDefault'],
      ...['-gt', 'unlimited', ...creation.flatMap((option) => ['-lco', option])],
    ],
    drivers: [...format.drivers, 'SQLite'],
    folder,
    environment: { OGR_SQLITE_SYNCHRONOUS: 'OFF', ...environment },
    output,
  };
}

/** SQLite does not distinguish the case of names. */
function hasEqualNames({ fields }: Layer): boolean {
  return new Set(fields.map(({ name }) => name.toLowerCase())).size < fields.length;
}

/** Layer creation options (-lco) of GDAL's PostgreSQL driver. */
function creationOptions({ schema, names, layer, columnTypes = [] }: LoadOptions): string[] {
  const isAliased = hasAliases(layer, columnTypes);
  const types = columnTypes.flatMap((type, index) => {
    const name = layer.fields[index]?.name ?? '';
    return type === undefined ? [] : [`${isAliased || needsAlias(name) ? names.attribute(index) : name}=${type}`];
  });
  return [
    `SCHEMA=${schema}`,
    `GEOMETRY_NAME=${names.geometry}`,
    `FID=${names.key}`,
    'FID64=YES',
    'UNLOGGED=ON',
    'SPATIAL_INDEX=NONE',
    'LAUNDER=NO', // Keep column names.
    'PRECISION=NO', // Store numbers as double precision instead of numeric(n).
    ...(types.length === 0 ? [] : [`COLUMN_TYPES=${types.join(',')}`]),
  ];
}

/**
 * Requests a geometry column for every geometry type. A layer of type Unknown has one already; for such a layer, `-nlt`
 * would replace empty geometries by null.
 */
function geometryArguments({ geometryType }: Layer, dimensionsGuessed: boolean): string[] {
  if (dimensionsGuessed) return ['-dim', 'XYZM'];
  return geometryType.includes('Unknown') ? [] : ['-nlt', anyGeometryWithDimensionsOf(geometryType)];
}

/**
 * Selects the layer by name, or by a query when a name requires it: ogr2ogr reads a layer name that starts with "-" as
 * an option, and PostgreSQL rejects or truncates some column names.
 */
function layerArguments({
  layer,
  singleLayer,
  names,
  hasAlias,
}: Pick<LoadOptions, 'layer' | 'singleLayer' | 'names'> & { hasAlias: boolean }): string[] {
  if (!layer.name.startsWith('-') && !hasAlias && !layer.fields.some((field) => needsAlias(field.name)))
    return singleLayer ? [] : [layer.name];
  const columns = layer.fields.map((field, index) =>
    hasAlias || needsAlias(field.name)
      ? `${quotedOgr(field.name)} AS ${quotedOgr(names.attribute(index))}`
      : quotedOgr(field.name),
  );
  const selection = columns.length === 0 ? '*' : columns.join(', ');
  return ['-dialect', 'OGRSQL', '-sql', `SELECT ${selection} FROM ${quotedOgr(layer.name)}`];
}

/** Names that COLUMN_TYPES, a list of NAME=TYPE, can hold. */
const LISTABLE = /^\w+$/;

/** True when all fields get an alias, because the name of one cannot be in COLUMN_TYPES. */
function hasAliases({ fields }: Layer, columnTypes: readonly (string | undefined)[]): boolean {
  return columnTypes.some((type) => type !== undefined) && !fields.every(({ name }) => LISTABLE.test(name));
}

function needsAlias(name: string): boolean {
  return (
    name === '' || SYSTEM_COLUMNS.some((column) => column === name) || Buffer.byteLength(name) > MAX_IDENTIFIER_BYTES
  );
}

/** Quotes an identifier for OGR SQL, in which a backslash is special only before a quotation mark. */
function quotedOgr(name: string): string {
  return `"${name.replaceAll('"', '\\"')}"`;
}
