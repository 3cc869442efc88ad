import format from 'pg-format';
import { z } from 'zod';
import { defineStep, type RecipeStep, type StepContext } from '../recipe-step.ts';
import { columnSql, createTableAs, geometryOf } from '../sql/select.ts';

export const centroid = defineStep({
  summary:
    'Replaces each geometry by its centroid, computed in `target_crs`. ' +
    'A centroid can be outside of the geometry; the point of `point_on_surface` cannot.',
  schema: z.strictObject({ step: z.literal('centroid') }),
  example: { step: 'centroid' },
  bind: () => replaceByPoint('ST_Centroid', 'their centroid'),
});

export const pointOnSurface = defineStep({
  summary: 'Replaces each geometry by a point on it, for labels and for places that are mapped as areas.',
  schema: z.strictObject({ step: z.literal('point_on_surface') }),
  example: { step: 'point_on_surface' },
  bind: () => replaceByPoint('ST_PointOnSurface', 'a point on them'),
});

/** Replaces lines and polygons by a point on them, for points of interest. */
export const representByPoint: RecipeStep = {
  ...pointOnSurface.bind({ step: 'point_on_surface' }, ''),
  name: 'RepresentByPoint',
};

/**
 * Replaces geometries that are not points by the result of a PostGIS function. Null and empty geometries are kept.
 * Writes no table when all geometries are points. `replacement` completes the note.
 */
function replaceByPoint(
  pointFunction: 'ST_Centroid' | 'ST_PointOnSurface',
  replacement: string,
): Pick<RecipeStep, 'plan' | 'expression' | 'failure' | 'note'> {
  const expression = (context: StepContext) => `${pointFunction}(${geometryOf(context)})`;
  const isOther = (context: StepContext) =>
    `GeometryType(${geometryOf(context)}) <> 'POINT' and not ST_IsEmpty(${geometryOf(context)})`;
  return {
    plan: ({ input, output, findings }, context) => [
      {
        sql: format(
          'create unlogged table %I as select %s as feature from %I as t where %s',
          findings,
          columnSql(context.keyColumn),
          input,
          isOther(context),
        ),
        stopWhenEmpty: true,
        counts: 'changed_features',
      },
      {
        sql: createTableAs(
          output,
          format('%I as t', input),
          `case when ${isOther(context)} then ${expression(context)} else ${geometryOf(context)} end`,
          context,
        ),
      },
    ],
    expression,
    failure: { code: 'GEOMETRY_INVALID', predicate: 'has no such point' },
    note: ({ before, changed }) =>
      changed === 0
        ? undefined
        : {
            code: 'GEOMETRIES_REPLACED',
            message: `Replaced the geometries of ${changed} of ${before} features by ${replacement}.`,
          },
  };
}
