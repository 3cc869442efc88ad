import format from 'pg-format';
import { z } from 'zod';
import { columnSql, geometryOf, selectInto } from '../../step.ts';
import { stepKind } from '../../step-kind.ts';

/** A feature for each part of a multi geometry. */
export const explode = stepKind({
  summary:
    'Makes a feature of each part of multi geometries and collections, each with all values of the feature; other features stay as they are. Features are counted anew.',
  schema: z.strictObject({ step: z.literal('explode') }),
  example: { step: 'explode' },
  bind: () => ({
    plan: ({ input, output, findings }, facts) => {
      const geometry = geometryOf(facts);
      const key = columnSql(facts.keyColumn);
      const columns = facts.columns.map(({ name }): [string, string] => {
        if (name === facts.geometryColumn) return [name, `coalesce(part.geom, ${geometry})`];
        return [name, name === facts.keyColumn ? `row_number() over (order by ${key}, part.path)` : columnSql(name)];
      });
      return [
        {
          sql: format(
            `create unlogged table %1$I as select %2$s as feature from %3$I as t where GeometryType(%4$s) like 'MULTI%%' or GeometryType(%4$s) = 'GEOMETRYCOLLECTION'`,
            findings,
            key,
            input,
            geometry,
          ),
          stopWhenEmpty: true,
          counts: 'changed_features',
        },
        // An empty or missing geometry has no parts, and its feature stays.
        {
          sql: selectInto(
            output,
            columns,
            format('%I as t left join lateral ST_Dump(%s) as part on true', input, geometry),
          ),
        },
      ];
    },
    failure: { code: 'GEOMETRY_INVALID', says: 'cannot be taken apart' },
    note: ({ before, after, changed }) =>
      changed === 0
        ? undefined
        : {
            code: 'FEATURES_SPLIT',
            message: `${changed} features with multi geometries were taken apart: ${before} features became ${after}.`,
          },
  }),
});
