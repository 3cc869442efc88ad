import format from 'pg-format';
import { unusedName } from '#shared/postgis/column-names.ts';
import type { RecipeStep, StepContext } from '../recipe-step.ts';
import { createTableAs, geometryOf } from '../sql/select.ts';

/**
 * Removes vertices within the tolerance (units of the target CRS), and preserves the topology of each feature. Points,
 * ends of lines and rings of four points are unchanged, and geometries whose simplified form would be invalid. A
 * tolerance of 0 switches it off.
 */
export const simplifyGeometry: RecipeStep = {
  name: 'SimplifyGeometry',
  createsTable: true,
  plan: ({ input, output }, context) => {
    if (context.parameters.simplify_tolerance === 0) return [];
    // Simplification only removes vertices, so an equal number of points means an equal geometry.
    const isUnchanged = (before: string, after: string) => `ST_NPoints(${before}) = ST_NPoints(${after})`;
    return [{ sql: changeWhereValid(input, output, simplified(context), context, isUnchanged) }];
  },
  expression: simplified,
  failure: { code: 'GEOMETRY_INVALID', predicate: 'cannot be simplified' },
};

/**
 * Rounds coordinates to `coordinate_precision` decimals and sets the remaining bits to zero, which halves the size of a
 * compressed file. Geometries that would become invalid are unchanged. Runs only when the parameter is given.
 */
export const quantizeCoordinates: RecipeStep = {
  name: 'QuantizeCoordinates',
  createsTable: true,
  plan: ({ input, output }, context) => {
    if (context.parameters.coordinate_precision === undefined) return [];
    return [{ sql: changeWhereValid(input, output, quantized(context), context) }];
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
 * changed. `isUnchanged` is SQL that is true when the validity need not be checked.
 */
function changeWhereValid(
  input: string,
  output: string,
  expression: string,
  context: StepContext,
  isUnchanged: (before: string, after: string) => string = () => 'false',
): string {
  const before = geometryOf(context);
  const names = context.columns.map((column) => column.name);
  const name = unusedName('changed', names);
  const after = format('t.%I', name);
  const checked = `case when ${isUnchanged(before, after)} then ${before}
    when ST_IsValid(${after}) and ST_IsEmpty(${after}) = ST_IsEmpty(${before}) then ${after} else ${before} end`;
  // offset 0 prevents the planner from computing the change once for each reference.
  return createTableAs(
    output,
    format('(select t.*, %s as %I from %I as t offset 0) as t', expression, name, input),
    checked,
    context,
  );
}
