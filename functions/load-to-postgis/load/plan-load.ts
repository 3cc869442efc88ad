import type { GdalCommand } from '#shared/gdal/gdal.ts';
import { anyGeometryWithDimensionsOf, type Layer } from '#shared/gdal/layers.ts';
import type { VectorFormat } from '#shared/formats/vector-formats.ts';
import { MAX_IDENTIFIER_BYTES } from '#shared/postgis/column-names.ts';

/** How one layer gets into a staging table: the arguments of ogr2ogr, and what SQL must do to the geometries afterward. */

/** Columns that ogr2ogr makes, named so that no attribute has the same name; SQL gives them their real names. */
export const STAGED_GEOMETRY = 'sluice~geometry';
export const STAGED_KEY = 'sluice~key';

/** PostgreSQL refuses these as names of columns. */
const SYSTEM_COLUMNS = new Set(['tableoid', 'xmin', 'cmin', 'xmax', 'cmax', 'ctid']);

export interface LoadPlan {
  command: GdalCommand;
  /** True when geometries got Z and M they may not have: SQL takes away those that are 0 throughout. */
  dimensionsGuessed: boolean;
  /** True when SQL must give the geometries their SRID. */
  sridMissing: boolean;
}

/** A staging table's name holds the token: a worker that was frozen past its claim writes to a table that nobody reads. */
export function stagingTable(token: number, fileIndex: number): string {
  return `load_${token}_${fileIndex}`;
}

/**
 * ogr2ogr by COPY into an unlogged, unindexed table. Names are kept as they are (LAUNDER=NO), numbers as doubles instead of numeric(n) (PRECISION=NO).
 * `epsg` is given when PostGIS knows the CRS by that code, so that nothing has to be written twice.
 */
export function planLoad(options: {
  path: string;
  folder: string;
  format: VectorFormat;
  layer: Layer;
  singleLayer: boolean;
  schema: string;
  table: string;
  epsg: number | undefined;
  openOptions: readonly string[];
  environment: Record<string, string>;
}): LoadPlan {
  const { format, layer } = options;
  const hasGeometry = format.name !== 'CSV';
  const dimensionsGuessed = hasGeometry && /^Unknown/.test(layer.geometryType) && format.certainDimensions !== true;
  const creation = [
    `SCHEMA=${options.schema}`,
    `GEOMETRY_NAME=${STAGED_GEOMETRY}`,
    `FID=${STAGED_KEY}`,
    'FID64=YES',
    'UNLOGGED=ON',
    'SPATIAL_INDEX=NONE',
    'LAUNDER=NO',
    'PRECISION=NO',
  ];
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
        'String(JSON)=String', // What GDAL calls JSON need not be (typeJsonColumns).
        '-forceNullable',
        '-unsetDefault', // Files break the constraints that they declare; data counts, not the declaration.
        '-gt',
        'unlimited', // One transaction: all rows or none.
        ...creation.flatMap((option) => ['-lco', option]),
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

/** A column that takes every type. Where the layer names none, it is so by itself, and `-nlt` would make null of an empty geometry. */
function geometryArguments(
  { geometryType }: Layer,
  { hasGeometry, dimensionsGuessed }: { hasGeometry: boolean; dimensionsGuessed: boolean },
): string[] {
  if (!hasGeometry) return ['-nlt', 'NONE'];
  if (dimensionsGuessed) return ['-dim', 'XYZM'];
  return geometryType.includes('Unknown') ? [] : ['-nlt', anyGeometryWithDimensionsOf(geometryType)];
}

/** A query only when a name needs it: ogr2ogr takes a layer whose name begins with "-" for a flag, and PostgreSQL refuses or cuts some columns. */
function layerArguments(layer: Layer, singleLayer: boolean): string[] {
  if (layer.fields.some((field) => needsAlias(field.name)) || layer.name.startsWith('-')) {
    const columns = layer.fields.map((field, index) =>
      needsAlias(field.name) ? `${quoted(field.name)} AS ${quoted(`sluice~${index}`)}` : quoted(field.name),
    );
    return [
      '-dialect',
      'OGRSQL',
      '-sql',
      `SELECT ${columns.length === 0 ? '*' : columns.join(', ')} FROM ${quoted(layer.name)}`,
    ];
  }
  return singleLayer ? [] : [layer.name];
}

function needsAlias(name: string): boolean {
  return name === '' || SYSTEM_COLUMNS.has(name) || Buffer.byteLength(name) > MAX_IDENTIFIER_BYTES;
}

/** An identifier of OGR's SQL, which knows a backslash only before a quote. */
function quoted(name: string): string {
  return `"${name.replaceAll('"', '\\"')}"`;
}
