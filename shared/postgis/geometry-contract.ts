import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { TableColumn } from './table-column.ts';

/** Types that PostGIS calls spatial; a table of a run has one column of these, in all. */
const SPATIAL_TYPES = new Set(['geometry', 'geography']);

/** Throws GEOMETRY_CONTRACT unless the table has exactly one geometry column and it has the name given. */
export function checkGeometryContract(table: string, columns: TableColumn[], geometryColumn: string): void {
  const spatial = columns.filter((column) => SPATIAL_TYPES.has(column.base));
  if (
    spatial.length === 1 &&
    spatial[0]?.name === geometryColumn &&
    spatial[0].base === 'geometry' &&
    !spatial[0].array
  )
    return;
  const found = spatial.map((column) => `${column.name} (${column.type})`);
  const says =
    columns.length === 0 ? 'does not exist' : found.length === 0 ? 'has no geometry column' : `has ${found.join(', ')}`;
  throw new SluiceError(
    'GEOMETRY_CONTRACT',
    `Table ${table} ${says}; it must have one geometry column, named ${geometryColumn}.`,
    { details: { table, found } },
  );
}
