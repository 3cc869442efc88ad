import { DatabaseSync } from 'node:sqlite';
import type { Layer } from '#shared/gdal/layers.ts';
import type { StagedNames } from '../staging/staged-names.ts';
import type { LayerDescription, VectorSource } from '../vector-source.ts';
import { quotedSqlite } from './sqlite-columns.ts';
import type { SqliteJob } from './sqlite-rows.ts';

/** The encodings of geometries in GDAL's SQLite databases that readSqlite reads; null for SpatiaLite. */
const READABLE_FORMATS = new Set<unknown>(['WKB', 'SpatiaLite', null, undefined]);
/** Names of columns whose values GDAL compresses and decompresses. */
const COMPRESSED = /_deflate$/i;
/** Values of `hidden` in table_xinfo: a column of a virtual table. */
const HIDDEN = 1;

/**
 * What to read of a database without GDAL; undefined for a layer that GDAL must read: a virtual table, geometries as
 * text, compressed columns. The key of the table is one of its columns, which GDAL would replace by a number.
 */
export function planSqlite(source: VectorSource, { layer }: LayerDescription, srid: number): SqliteJob | undefined {
  if (source.schema === undefined) return undefined;
  using database = new DatabaseSync(source.path, { readOnly: true, allowExtension: false });
  const found = geometryColumn(database, layer.name);
  if (found === undefined || source.schema.virtualTables.includes(found.table)) return undefined;
  const columns = database.prepare(`pragma table_xinfo(${quotedSqlite(found.table)})`).all() as unknown as {
    name: string;
    type: string;
    pk: number;
    hidden: number;
  }[];
  const geometry = columns.find(({ name }) => name.toLowerCase() === found.column.toLowerCase());
  if (geometry === undefined || !READABLE_FORMATS.has(geometryFormat(database, found))) return undefined;
  if (columns.some(({ type }) => COMPRESSED.test(type))) return undefined;
  const types = new Map(layer.fields.map(({ name, type }) => [name, type]));
  const others = geometryColumns(database).filter(({ table }) => table === found.table);
  const isGeometry = (name: string) => others.some(({ column }) => column.toLowerCase() === name.toLowerCase());
  const attributes = columns.filter(({ name, hidden }) => !isGeometry(name) && hidden !== HIDDEN);
  return {
    kind: 'sqlite',
    path: source.path,
    file: source.file,
    table: found.table,
    geometry: geometry.name,
    key: attributes.find(({ name, pk }) => pk === 1 && !types.has(name))?.name,
    fields: attributes.map(({ name }) => ({ name, column: name, type: declaredType(types.get(name)) })),
    dropped: columns.filter((column) => column !== geometry && isGeometry(column.name)).map(({ name }) => name),
    srid,
  };
}

/** The table of the database that planConversion writes. */
export const CONVERTED_TABLE = 'rows';

/** What to read of the database of planConversion. Its columns have the order of the fields. */
export function planConverted(
  path: string,
  { file, layer, names, srid }: { file: string; layer: Layer; names: StagedNames; srid: number },
): SqliteJob {
  using database = new DatabaseSync(path, { readOnly: true, allowExtension: false });
  const columns = database.prepare(`pragma table_info(${quotedSqlite(CONVERTED_TABLE)})`).all();
  const attributes = columns
    .map(({ name }) => String(name))
    .filter((name) => name !== names.key && name !== names.geometry);
  const fields = layer.fields.map(({ name, type }, index) => ({
    name,
    column: attributes[index] ?? name,
    type: declaredType(type),
  }));
  return {
    kind: 'sqlite',
    path,
    file,
    table: CONVERTED_TABLE,
    geometry: names.geometry,
    key: undefined,
    fields,
    dropped: [],
    srid,
  };
}

/** GDAL has no field for the key of a table. Its lists are JSON texts. */
function declaredType(type: string | undefined): string {
  if (type === undefined) return 'Integer64';
  return type.includes('List') ? 'String(JSON)' : type;
}

function geometryFormat(database: DatabaseSync, { table, column }: { table: string; column: string }): unknown {
  try {
    return database
      .prepare('select * from geometry_columns where f_table_name = ? and f_geometry_column = ?')
      .get(table, column)?.geometry_format;
  } catch {
    return undefined; // A GeoPackage does not have this table.
  }
}

/** The tables of GeoPackage and of SpatiaLite and GDAL that list the geometry columns. */
const GEOMETRY_COLUMNS = [
  'select table_name as "table", column_name as "column" from gpkg_geometry_columns',
  'select f_table_name as "table", f_geometry_column as "column" from geometry_columns',
];

interface GeometryColumn {
  table: string;
  column: string;
}

/** The table and the geometry column of a layer; undefined for a layer that no table of the file lists. */
function geometryColumn(database: DatabaseSync, layer: string): GeometryColumn | undefined {
  const name = layer.toLowerCase();
  return geometryColumns(database).find(
    ({ table, column }) => table.toLowerCase() === name || `${table}(${column})`.toLowerCase() === name,
  );
}

/** All geometry columns that the file lists. */
function geometryColumns(database: DatabaseSync): GeometryColumn[] {
  return GEOMETRY_COLUMNS.flatMap((sql) => {
    try {
      return database.prepare(sql).all() as unknown as GeometryColumn[];
    } catch {
      return []; // The database has the other table.
    }
  });
}
