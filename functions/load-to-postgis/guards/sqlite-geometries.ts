import { DatabaseSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';

/**
 * Finds the rows of a GeoPackage or an SQLite database whose geometry is not null in the file. GDAL reads a blob that
 * is not a geometry as a missing geometry, without a message.
 */

/** Rows between two turns of the event loop. Rows are read synchronously. */
const ROWS_PER_TURN = 50_000;

/** The tables of GeoPackage and of SpatiaLite and GDAL that list the geometry columns. */
const GEOMETRY_COLUMNS = [
  'select table_name as "table", column_name as "column" from gpkg_geometry_columns',
  'select f_table_name as "table", f_geometry_column as "column" from geometry_columns',
];

interface GeometryColumn {
  table: string;
  column: string;
}

/**
 * Yields those of `rows`, which count from 1 in ascending order, whose geometry is not null. `layer` is GDAL's name of
 * the layer: the table, or `table(column)` when the table has several geometry columns.
 */
export async function* rowsWithBlob(
  path: string,
  layer: string,
  rows: AsyncIterable<number>,
  signal: AbortSignal,
): AsyncGenerator<number> {
  using database = new DatabaseSync(path, { readOnly: true, allowExtension: false });
  const found = geometryColumn(database, layer);
  if (found === undefined) return;
  const [table, column] = [found.table, found.column].map((name) => `"${name.replaceAll('"', '""')}"`);
  // Without an order, as GDAL reads the table.
  const present = database.prepare(`select ${column} is not null as present from ${table}`).iterate();
  let row = 0;
  for await (const wanted of rows) {
    let isPresent = false;
    for (; row < wanted; row++) {
      const next = present.next();
      if (next.done === true) return;
      isPresent = (next.value as { present: number }).present === 1;
      if (row % ROWS_PER_TURN === 0) await setImmediate(undefined, { signal });
    }
    if (isPresent) yield wanted;
  }
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
