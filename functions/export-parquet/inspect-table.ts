import { openLockedDatabase } from '#shared/databases/locked-duckdb.ts';
import type { Inspection } from '#shared/contracts/inspection.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { InspectionRequest } from '#shared/runtime/inspection.ts';
import { fetchTables } from './parse/fetch-tables.ts';
import { readTable } from './parse/read-table.ts';

/** Describes an uploaded table, with the rules of the export. Throws the errors of fetchTables and readTable. */
export async function inspectTable(request: InspectionRequest): Promise<Inspection> {
  const { file, env, folder, tabular: parameters, signal } = request;
  const [fetched] = await fetchTables([file], request);
  if (fetched === undefined) throw new SluiceError('INTERNAL', `${file.path} was not downloaded.`);
  using database = await openLockedDatabase(folder, { threads: env.CORES, preserveOrder: false });
  const { columns, rowCount } = await readTable(fetched, { env, database, parameters, signal });
  return {
    layers: [
      {
        name: file.layer ?? parameters.sheet ?? null,
        geometry_type: null,
        row_count: rowCount,
        column_count: columns.length,
        columns: columns.map(({ name }) => name),
        crs: null,
        bbox: null,
      },
    ],
    chosen: 0,
    problem: null,
  };
}
