import format from 'pg-format';
import { z } from 'zod';
import { columnSql, createTableAs, geometryOf, type RecipeStep, type TableFacts } from '../../step.ts';
import { stepKind } from '../../step-kind.ts';

/** The kinds of geometry: their types, and what ST_CollectionExtract calls them. */
const KINDS = {
  points: { types: ['POINT', 'MULTIPOINT'], extract: 1 },
  lines: { types: ['LINESTRING', 'MULTILINESTRING'], extract: 2 },
  polygons: { types: ['POLYGON', 'MULTIPOLYGON'], extract: 3 },
} as const;
export type GeometryKind = keyof typeof KINDS;

/** Keeps features of one kind of geometry. */
export const keepGeometries = stepKind({
  summary:
    'Keeps features of one kind of geometry, and the parts of this kind of collections; null and empty geometries stay. Lines and polygons are never merged.',
  schema: z.strictObject({
    step: z.literal('keep_geometries'),
    kind: z.enum(['points', 'lines', 'polygons']).describe('What to keep, single or multi.'),
  }),
  example: { step: 'keep_geometries', kind: 'polygons' },
  bind: ({ kind }) => keepKind(kind),
});

/** The same for a recipe's own step. No table is written when all features are of the kind. */
export function keepKind(kind: GeometryKind): Pick<RecipeStep, 'plan' | 'note'> {
  return {
    plan: ({ input, output, findings }, facts) => [
      // Collections are among the findings too: they may have to be cut down.
      {
        sql: format(
          'create unlogged table %I as select %s as feature from %I as t where not (%s)',
          findings,
          columnSql(facts.keyColumn),
          input,
          isKind(facts, kind),
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
            columnSql(facts.keyColumn),
            hasParts(facts, kind),
          ),
          `case when ${isCollection(facts)} then ${partsOf(facts, kind)} else ${geometryOf(facts)} end`,
          facts,
        ),
      },
    ],
    note: ({ before, after }) =>
      after === before
        ? undefined
        : {
            code: 'FEATURES_DROPPED',
            message: `${before - after} of ${before} features have no ${kind}, and are left out.`,
          },
  };
}

function isKind(facts: TableFacts, kind: GeometryKind): string {
  return format(
    '%1$s is null or ST_IsEmpty(%1$s) or GeometryType(%1$s) in (%2$L)',
    geometryOf(facts),
    KINDS[kind].types,
  );
}

function isCollection(facts: TableFacts): string {
  return `GeometryType(${geometryOf(facts)}) = 'GEOMETRYCOLLECTION' and not ST_IsEmpty(${geometryOf(facts)})`;
}

function hasParts(facts: TableFacts, kind: GeometryKind): string {
  return `(${isCollection(facts)} and not ST_IsEmpty(${partsOf(facts, kind)}))`;
}

function partsOf(facts: TableFacts, kind: GeometryKind): string {
  return `ST_CollectionExtract(${geometryOf(facts)}, ${KINDS[kind].extract})`;
}
