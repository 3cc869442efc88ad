import format from 'pg-format';
import { z } from 'zod';
import { defineStep, type RecipeStep, type StepContext } from '../recipe-step.ts';
import { columnSql, createTableAs, geometryOf, isCollection } from '../sql/select.ts';

/** The kinds of geometry: their types, and their number in ST_CollectionExtract. */
const KINDS = {
  points: { types: ['POINT', 'MULTIPOINT'], extract: 1 },
  lines: { types: ['LINESTRING', 'MULTILINESTRING'], extract: 2 },
  polygons: { types: ['POLYGON', 'MULTIPOLYGON'], extract: 3 },
} as const;
type GeometryKind = keyof typeof KINDS;

export const keepGeometries = defineStep({
  summary:
    'Removes features of other kinds of geometry. Of a collection, the parts of the kind are kept. ' +
    'Null and empty geometries are kept. Lines and polygons are not merged.',
  schema: z.strictObject({
    step: z.literal('keep_geometries'),
    kind: z.enum(['points', 'lines', 'polygons']).describe('The kind to keep, single or multi.'),
  }),
  example: { step: 'keep_geometries', kind: 'polygons' },
  bind: ({ kind }) => keepKind(kind),
});

/** The step KeepLinear of the recipe for roads: keeps lines. */
export const keepLinear: RecipeStep = { name: 'KeepLinear', createsTable: true, ...keepKind('lines') };

/** Keeps polygons, for buildings and parcels. */
export const keepPolygonal: RecipeStep = { name: 'KeepPolygonal', createsTable: true, ...keepKind('polygons') };

/** Writes no table when all features are of the kind. */
function keepKind(kind: GeometryKind): Pick<RecipeStep, 'plan' | 'note'> {
  return {
    plan: ({ input, output, findings }, context) => [
      // The findings include collections, because they can have parts of other kinds.
      {
        sql: format(
          'create unlogged table %I as select %s as feature from %I as t where not (%s)',
          findings,
          columnSql(context.keyColumn),
          input,
          isKind(context, kind),
        ),
        stopWhenEmpty: true,
      },
      {
        sql: createTableAs(
          output,
          format(
            '%I as t where not exists (select from %I as other where other.feature = %s) or %s',
            input,
            findings,
            columnSql(context.keyColumn),
            hasParts(context, kind),
          ),
          `case when ${isFilledCollection(context)} then ${partsOf(context, kind)} else ${geometryOf(context)} end`,
          context,
        ),
      },
    ],
    note: ({ before, after }) =>
      after === before
        ? undefined
        : {
            code: 'FEATURES_DROPPED',
            message: `Removed ${before - after} of ${before} features, because they have no ${kind}.`,
          },
  };
}

function isKind(context: StepContext, kind: GeometryKind): string {
  return format(
    '%1$s is null or ST_IsEmpty(%1$s) or GeometryType(%1$s) in (%2$L)',
    geometryOf(context),
    KINDS[kind].types,
  );
}

function isFilledCollection(context: StepContext): string {
  return `${isCollection(geometryOf(context))} and not ST_IsEmpty(${geometryOf(context)})`;
}

function hasParts(context: StepContext, kind: GeometryKind): string {
  return `(${isFilledCollection(context)} and not ST_IsEmpty(${partsOf(context, kind)}))`;
}

function partsOf(context: StepContext, kind: GeometryKind): string {
  return `ST_CollectionExtract(${geometryOf(context)}, ${KINDS[kind].extract})`;
}
