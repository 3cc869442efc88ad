import { DatabaseSync } from 'node:sqlite';

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
export function geometryColumn(database: DatabaseSync, layer: string): GeometryColumn | undefined {
  const name = layer.toLowerCase();
  return geometryColumns(database).find(
    ({ table, column }) => table.toLowerCase() === name || `${table}(${column})`.toLowerCase() === name,
  );
}

/** All geometry columns that the file lists. */
export function geometryColumns(database: DatabaseSync): GeometryColumn[] {
  return GEOMETRY_COLUMNS.flatMap((sql) => {
    try {
      return database.prepare(sql).all() as unknown as GeometryColumn[];
    } catch {
      return []; // The database has the other table.
    }
  });
}
