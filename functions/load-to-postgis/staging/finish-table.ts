import format from 'pg-format';
import { namesForColumns } from '#shared/contracts/column-names.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import { KEY_COLUMN, RESERVED_COLUMNS } from '#shared/postgis/run-schema.ts';
import type { Note } from '#shared/contracts/shared-schemas.ts';
import { readColumns, type TableColumn } from '#shared/postgis/table-checks.ts';
import type { StagedNames } from './staged-names.ts';

export interface Rename {
  from: string;
  to: string;
}

/** The changes that give a staged table the columns of `raw_data`. */
export interface FinishPlan {
  names: StagedNames;
  renames: Rename[];
  dropped: string[];
  geometry: { staged: string; dimensionsGuessed: boolean; srid: number | undefined };
}

export interface FinishOptions {
  names: StagedNames;
  /** The column names of the file, in the order of the staged columns. */
  originals: readonly string[];
  geometryColumn: string;
  file: string;
  dimensionsGuessed: boolean;
  /** The SRID to set; undefined when the geometries have one. */
  sridToSet: number | undefined;
}

/**
 * Gives a staged table its final column names, and one geometry column of any type in which every geometry has an
 * SRID. Returns the attribute columns in order.
 */
export async function finishTable(
  session: PostgisSession,
  table: string,
  options: FinishOptions,
): Promise<{ columns: TableColumn[]; notes: Note[] }> {
  const staged = await readColumns(session, table);
  const geometries = staged.filter((column) => column.base === 'geometry' && !column.array);
  const kept = geometries.find((column) => column.name === options.names.geometry) ?? geometries[0];
  const attributes = staged.filter((column) => column.name !== options.names.key && !geometries.includes(column));
  const { renames, names, notes } = planColumns(
    attributes.map((column) => column.name),
    options.originals,
    options.geometryColumn,
    options.file,
  );
  const dropped = geometries.filter((column) => column !== kept).map((column) => column.name);
  const plan: FinishPlan = {
    names: options.names,
    renames,
    dropped,
    geometry: {
      staged: kept?.name ?? options.names.geometry,
      dimensionsGuessed: options.dimensionsGuessed,
      srid: options.sridToSet,
    },
  };
  await session.query(finishSql(table, plan, options.geometryColumn).join(';\n'));
  return {
    columns: attributes.map((column, index) => ({ ...column, name: names[index] ?? column.name })),
    notes: [...notes, ...dropped.map((name) => droppedNote(name, options.file))],
  };
}

export function droppedNote(column: string, file: string): Note {
  return {
    code: 'GEOMETRY_COLUMN_DROPPED',
    column,
    file,
    message: `Geometry column ${JSON.stringify(column)} was dropped, because an asset has only one geometry column.`,
  };
}

/**
 * Plans the names of the attribute columns by the rule of namesForColumns. `originals` are the names in the file, in
 * the same order. If their number differs, the staged names are used.
 */
export function planColumns(
  staged: readonly string[],
  originals: readonly string[],
  geometryColumn: string,
  file: string,
): { renames: Rename[]; names: string[]; notes: Note[] } {
  const sources = originals.length === staged.length ? originals : staged;
  const { names, notes } = namesForColumns(sources, [...RESERVED_COLUMNS, geometryColumn], file);
  const renames = staged.flatMap((from, index) =>
    names[index] !== undefined && names[index] !== from ? [{ from, to: names[index] }] : [],
  );
  return { renames, names, notes };
}

/**
 * The SQL statements of finishTable, in order. Columns are renamed in two steps, because a new name can be the old
 * name of another column.
 */
export function finishSql(table: string, plan: FinishPlan, geometryColumn: string): string[] {
  const { staged } = plan.geometry;
  const expression = geometryExpression(plan.geometry);
  return [
    ...plan.dropped.map((name) => format('alter table %I drop column %I', table, name)),
    ...plan.renames.map(({ from }, index) =>
      format('alter table %I rename column %I to %I', table, from, plan.names.renamed(index)),
    ),
    ...plan.renames.map(({ to }, index) =>
      format('alter table %I rename column %I to %I', table, plan.names.renamed(index), to),
    ),
    // Remove the type modifier, so that rows of other files with other dimensions can be appended. PostgreSQL rewrites
    // the table only for `using`.
    format(
      'alter table %I alter column %I type geometry%s',
      table,
      staged,
      expression === undefined ? '' : ` using ${expression}`,
    ),
    format('alter table %I rename column %I to %I', table, staged, geometryColumn),
    format('alter table %I rename column %I to %I', table, plan.names.key, KEY_COLUMN),
  ];
}

/** The expression for the new geometries; undefined when they stay unchanged. */
function geometryExpression({ staged, dimensionsGuessed, srid }: FinishPlan['geometry']): string | undefined {
  if (!dimensionsGuessed && srid === undefined) return undefined;
  const geometry = dimensionsGuessed ? withoutZeroDimensions(format('%I', staged)) : format('%I', staged);
  return srid === undefined ? geometry : `st_setsrid(${geometry}, ${srid})`;
}

/**
 * Removes a Z or an M that is 0 in all vertices. For a layer of unknown type, ogr2ogr adds both to every geometry. The
 * comparison is by bytes, which is faster than a comparison of vertices in SQL.
 */
function withoutZeroDimensions(geometry: string): string {
  const cases = ['st_force2d', 'st_force3dz', 'st_force3dm'].map(
    (force) => `when st_force4d(${force}(${geometry}))::bytea = ${geometry}::bytea then ${force}(${geometry})`,
  );
  return `case ${cases.join(' ')} else ${geometry} end`;
}
