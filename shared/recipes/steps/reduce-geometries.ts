import format from 'pg-format';
import { unusedName } from '#shared/contracts/column-names.ts';
import { MAX_POSTGRES_COLUMNS } from '#shared/postgis/run-schema.ts';
import type { RecipeStep, StepContext, StepTables } from '../recipe-step.ts';
import { columnSql, geometryOf, selectInto } from '../sql/select.ts';

/**
 * Removes vertices within the tolerance (units of the target CRS), and preserves the topology of each feature. Points,
 * ends of lines and rings of four points are unchanged, and geometries whose simplified form would be invalid. A
 * tolerance of 0 switches it off.
 */
export const simplifyGeometry: RecipeStep = {
  name: 'SimplifyGeometry',
  createsTable: true,
  plan: ({ input, output, findings }, context) => {
    if (context.parameters.simplify_tolerance === 0) return [];
    // Simplification only removes vertices, so an equal number of points means an equal geometry.
    const isUnchanged = (before: string, after: string) => `ST_NPoints(${before}) = ST_NPoints(${after})`;
    const counting = countingColumns(context);
    return [
      { sql: changeWhereValid({ input, output }, simplified(context), context, { isUnchanged, counting }) },
      { sql: countVertices({ input, output, findings }, context, counting), auxiliary: true },
      ...(counting === undefined ? [] : [{ sql: dropColumns(output, counting), auxiliary: true } as const]),
    ];
  },
  expression: simplified,
  failure: { code: 'GEOMETRY_INVALID', predicate: 'cannot be simplified' },
  summary: ({ findings }, context) =>
    format(
      'select simplified_geometries, removed_vertices, vertices, %L::float8 as tolerance from %I',
      context.parameters.simplify_tolerance,
      findings,
    ),
  note: ({ before, summary: { simplified_geometries: changed, removed_vertices: removed, vertices, tolerance } }) =>
    changed === null || changed === undefined || changed === 0
      ? undefined
      : {
          code: 'GEOMETRIES_SIMPLIFIED',
          message:
            `Removed ${removed} of ${vertices} vertices in ${changed} of ${before} features ` +
            `(simplify_tolerance ${tolerance}, in units of the target CRS). To keep all vertices, set it to 0.`,
        },
};

/** Names of columns that hold the vertices of each geometry, and the number of removed ones, until they are added. */
interface CountingColumns {
  vertices: string;
  removed: string;
}

/** Names for the two columns. Undefined if the table has no room for them. */
function countingColumns({ columns }: StepContext): CountingColumns | undefined {
  if (columns.length + 2 > MAX_POSTGRES_COLUMNS) return undefined;
  const names = columns.map(({ name }) => name);
  const vertices = unusedName('vertices', names);
  return { vertices, removed: unusedName('removed', [...names, vertices]) };
}

/**
 * SQL that adds the counts to the findings table. With counting columns, the scan does not read the geometries, and
 * takes less than 1 % of the time of the simplification.
 */
function countVertices(
  { input, output, findings }: StepTables,
  { keyColumn, geometryColumn }: StepContext,
  counting: CountingColumns | undefined,
): string {
  const [removed, vertices, source] =
    counting === undefined
      ? [
          format('nullif(ST_NPoints(b.%1$I) - ST_NPoints(t.%1$I), 0)', geometryColumn),
          format('ST_NPoints(b.%I)', geometryColumn),
          format('%I as t join %I as b on b.%3$I = t.%3$I', output, input, keyColumn),
        ]
      : [format('t.%I', counting.removed), format('t.%I', counting.vertices), format('%I as t', output)];
  return format(
    `create unlogged table %I as select count(%2$s)::float8 as simplified_geometries,
       coalesce(sum(%2$s), 0)::float8 as removed_vertices, coalesce(sum(%3$s), 0)::float8 as vertices
     from %4$s`,
    findings,
    removed,
    vertices,
    source,
  );
}

/** Takes no time: PostgreSQL changes only the catalog. */
function dropColumns(table: string, { vertices, removed }: CountingColumns): string {
  return format('alter table %I drop column %I, drop column %I', table, vertices, removed);
}

/**
 * Rounds coordinates to `coordinate_precision` decimals and sets the remaining bits to zero, which halves the size of a
 * compressed file. Geometries that would become invalid are unchanged. Runs only when the parameter is given.
 */
export const quantizeCoordinates: RecipeStep = {
  name: 'QuantizeCoordinates',
  createsTable: true,
  plan: ({ input, output }, context) => {
    if (context.parameters.coordinate_precision === undefined) return [];
    return [{ sql: changeWhereValid({ input, output }, quantized(context), context) }];
  },
  expression: quantized,
  failure: { code: 'GEOMETRY_INVALID', predicate: 'cannot be rounded' },
};

function simplified(context: StepContext): string {
  const geometry = geometryOf(context);
  const fewer = format('ST_SimplifyPreserveTopology(%s, %s)', geometry, context.parameters.simplify_tolerance);
  return `case when GeometryType(${geometry}) like 'MULTI%' then ST_Multi(${fewer}) else ${fewer} end`;
}

function quantized(context: StepContext): string {
  return format('ST_QuantizeCoordinates(%s, %s)', geometryOf(context), context.parameters.coordinate_precision);
}

/**
 * Creates a table whose geometries are changed by `expression`. A geometry that would become empty or invalid is not
 * changed. `isUnchanged` is SQL that is true when the validity need not be checked. The counting columns are added at
 * the end; they are null where nothing was removed.
 */
function changeWhereValid(
  { input, output }: Pick<StepTables, 'input' | 'output'>,
  expression: string,
  context: StepContext,
  {
    isUnchanged = () => 'false',
    counting,
  }: { isUnchanged?: (before: string, after: string) => string; counting?: CountingColumns | undefined } = {},
): string {
  const before = geometryOf(context);
  const names = context.columns.map((column) => column.name);
  const name = unusedName('changed', names);
  const after = format('t.%I', name);
  const isKept = `${isUnchanged(before, after)} or not ST_IsValid(${after})
    or ST_IsEmpty(${after}) <> ST_IsEmpty(${before})`;
  // offset 0 prevents the planner from computing the change, and its check, once for each reference.
  const changed = format('(select t.*, %s as %I from %I as t offset 0) as t', expression, name, input);
  const kept = unusedName('kept', [...names, name]);
  const source = format('(select t.*, %s as %I from %s offset 0) as t', isKept, kept, changed);
  return selectInto(
    output,
    [
      ...names.map((column): [string, string] => [
        column,
        column === context.geometryColumn
          ? format('case when t.%I then %s else %s end', kept, before, after)
          : columnSql(column),
      ]),
      ...(counting === undefined
        ? []
        : ([
            [counting.vertices, `ST_NPoints(${before})`],
            [
              counting.removed,
              format('case when not t.%I then ST_NPoints(%s) - ST_NPoints(%s) end', kept, before, after),
            ],
          ] as [string, string][])),
    ],
    source,
  );
}
