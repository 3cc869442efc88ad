import format from 'pg-format';
import { readColumns, type TableColumn } from '#shared/postgis/table-columns.ts';
import type { Note } from '#shared/contracts/facts.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import { KEY_COLUMN } from '#shared/postgis/run-schema.ts';
import { planColumns, type Rename } from './plan-columns.ts';
import { STAGED_GEOMETRY, STAGED_KEY } from './plan-load.ts';

/** What a staged table needs to become `raw_data`: real names, one geometry column of any dimension, an SRID on every geometry. */
export interface FinishPlan {
  renames: Rename[];
  dropped: string[];
  geometry: { staged: string; dimensionsGuessed: boolean; srid: number | undefined };
}

/** Gives a staged table its final columns. Returns its attributes, in order. `originals` are the names in the file. */
export async function finishTable(
  session: PostgisSession,
  table: string,
  options: {
    originals: readonly string[];
    geometryColumn: string;
    file: string;
    dimensionsGuessed: boolean;
    sridToSet: number | undefined;
  },
): Promise<{ columns: TableColumn[]; notes: Note[] }> {
  const staged = await readColumns(session, table);
  const geometries = staged.filter((column) => column.base === 'geometry' && !column.array);
  const main = geometries.find((column) => column.name === STAGED_GEOMETRY) ?? geometries[0];
  const attributes = staged.filter((column) => column.name !== STAGED_KEY && !geometries.includes(column));
  const { renames, names, notes } = planColumns(
    attributes.map((column) => column.name),
    options.originals,
    options.geometryColumn,
    options.file,
  );
  const dropped = geometries.filter((column) => column !== main).map((column) => column.name);
  const plan: FinishPlan = {
    renames,
    dropped,
    geometry: {
      staged: main?.name ?? STAGED_GEOMETRY,
      dimensionsGuessed: options.dimensionsGuessed,
      srid: options.sridToSet,
    },
  };
  await session.query(finishSql(table, plan, options.geometryColumn).join(';\n'));
  return {
    columns: attributes.map((column, index) => ({ ...column, name: names[index] ?? column.name })),
    notes: [
      ...notes,
      ...dropped.map((name) => ({
        code: 'GEOMETRY_COLUMN_DROPPED',
        column: name,
        file: options.file,
        message: `Only one geometry column can be kept; ${JSON.stringify(name)} was left out.`,
      })),
    ],
  };
}

/** The statements, in order. Renames go through names that nothing has, because a new name may be another column's old one. */
export function finishSql(table: string, plan: FinishPlan, geometryColumn: string): string[] {
  const passing = (index: number) => `sluice~passing~${index}`;
  const change = geometryChange(plan.geometry);
  return [
    ...plan.dropped.map((name) => format('alter table %I drop column %I', table, name)),
    ...plan.renames.map(({ from }, index) =>
      format('alter table %I rename column %I to %I', table, from, passing(index)),
    ),
    ...plan.renames.map(({ to }, index) => format('alter table %I rename column %I to %I', table, passing(index), to)),
    // Without a type modifier, rows of other files, with other dimensions, fit in. Costs no rewrite unless `using` is needed.
    format(
      `alter table %I alter column %I type geometry${change === undefined ? '' : ' using %s'}`,
      table,
      plan.geometry.staged,
      change,
    ),
    format('alter table %I rename column %I to %I', table, plan.geometry.staged, geometryColumn),
    format('alter table %I rename column %I to %I', table, STAGED_KEY, KEY_COLUMN),
  ];
}

/** The expression by which geometries are rewritten; undefined when they can stay. */
function geometryChange({ staged, dimensionsGuessed, srid }: FinishPlan['geometry']): string | undefined {
  if (!dimensionsGuessed && srid === undefined) return undefined;
  const dimensioned = dimensionsGuessed ? withoutEmptyDimensions(format('%I', staged)) : format('%I', staged);
  return srid === undefined ? dimensioned : `st_setsrid(${dimensioned}, ${srid})`;
}

/**
 * GDAL can only give all features of a layer of unknown type a Z and an M, 0 where they have none; so those that are 0 throughout are taken away
 * again. The comparison is of bytes, without looking at each vertex in SQL.
 */
function withoutEmptyDimensions(geometry: string): string {
  const unchanged = (forced: string) => `st_force4d(${forced}(${geometry}))::bytea = ${geometry}::bytea`;
  return `case when ${unchanged('st_force2d')} then st_force2d(${geometry}) when ${unchanged('st_force3dz')} then st_force3dz(${geometry}) when ${unchanged('st_force3dm')} then st_force3dm(${geometry}) else ${geometry} end`;
}
