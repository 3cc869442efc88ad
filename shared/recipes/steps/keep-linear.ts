import format from 'pg-format';
import { createTableAs, geometryOf, type RecipeStep } from '../step.ts';

/**
 * Keeps features that are lines, and the lines of collections. Points and polygons in a road network are left out, counted and
 * noted on the asset; null and empty geometries stay. No table is written when all features are lines. Lines are never merged: a feature is a row with its own attributes.
 */
export const keepLinear: RecipeStep = {
  name: 'KeepLinear',
  createsTable: true,
  plan: ({ input, output, findings }, facts) => {
    const geometry = geometryOf(facts);
    const lines = `case when GeometryType(${geometry}) = 'GEOMETRYCOLLECTION' and not ST_IsEmpty(${geometry}) then ST_CollectionExtract(${geometry}, 2) else ${geometry} end`;
    const isLine = `ST_IsEmpty(${geometry}) or GeometryType(${geometry}) in ('LINESTRING', 'MULTILINESTRING')`;
    return [
      // Collections are among the findings too: they may have to be cut down.
      { sql: format('create unlogged table %I as select t.%I as feature from %I as t where not (%s)', findings, facts.keyColumn, input, isLine), stopWhenEmpty: true },
      {
        sql: createTableAs(
          output,
          format(`%I as t where not exists (select from %I as other where other.feature = t.%I) or (GeometryType(%s) = 'GEOMETRYCOLLECTION' and not ST_IsEmpty(ST_CollectionExtract(%s, 2)))`, input, findings, facts.keyColumn, geometry, geometry),
          lines,
          facts,
        ),
      },
    ];
  },
};
