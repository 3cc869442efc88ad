import format from 'pg-format';
import { z } from 'zod';
import { EpsgCodeSchema } from '#shared/contracts/epsg.ts';
import { areaKey, BoundsSchema, boxSql, type ClipBox, sridOf } from '../../clip-area.ts';
import { columnSql, createTableAs, geometryOf, type SqlStep, type StepTables, type TableFacts } from '../../step.ts';
import { stepKind } from '../../step-kind.ts';

/** Keeps what lies within a box, cut at its edges or as whole features. */
export const clip = stepKind({
  summary:
    'Keeps what lies within a box. Features that cross its edge are cut, and keep the parts of their own dimension; those outside, and those without a geometry, are left out.',
  schema: z.strictObject({
    step: z.literal('clip'),
    bounds: BoundsSchema.describe('`[xmin, ymin, xmax, ymax]` of the box: west, south, east, north.'),
    crs: EpsgCodeSchema.default('EPSG:4326').describe(
      'Coordinate reference system of `bounds`, with longitude or easting first.',
    ),
    cut: z.boolean().default(true).describe('False keeps features that touch the box as a whole.'),
  }),
  example: { step: 'clip', bounds: [7.0, 50.6, 7.2, 50.8] },
  bind: ({ bounds, crs, cut }) => {
    const box: ClipBox = { bounds, crs };
    return {
      plan: (tables, facts) =>
        cut
          ? cutOut(tables, facts, box)
          : [
              {
                sql: createTableAs(
                  tables.output,
                  format('%I as t where %s', tables.input, touches(facts, box)),
                  geometryOf(facts),
                  facts,
                ),
              },
            ],
      expression: (facts) => clipped(facts, box),
      failure: { code: 'GEOMETRY_INVALID', says: 'cannot be clipped' },
      note: ({ before, after, changed }) => {
        const parts = [
          ...(after < before
            ? [`${before - after} of ${before} features lie outside the bounds, and are left out`]
            : []),
          ...(changed > 0 ? [`${changed} were cut at the edge`] : []),
        ];
        return parts.length === 0 ? undefined : { code: 'FEATURES_CLIPPED', message: `${parts.join('; ')}.` };
      },
    };
  },
});

/** The features that cross the edge are cut once, into the findings; then the table is made of these and of those wholly inside. */
function cutOut({ input, output, findings }: StepTables, facts: TableFacts, box: ClipBox): SqlStep[] {
  const inside = `ST_CoveredBy(${envelopeOfCollection(facts)}, ${areaSql(facts, box)})`;
  const crossing = format(
    'select %s as feature, %s as geometry from %I as t where %s and not %s offset 0',
    columnSql(facts.keyColumn),
    clipped(facts, box),
    input,
    touches(facts, box),
    inside,
  );
  return [
    // A polygon that only touches the edge leaves nothing of its dimension.
    {
      sql: format(
        'create unlogged table %I as select * from (%s) as crossing where not ST_IsEmpty(geometry)',
        findings,
        crossing,
      ),
      counts: 'changed_features',
    },
    {
      sql: createTableAs(
        output,
        format(
          '%I as t left join %I as cut on cut.feature = %s where cut.feature is not null or %s',
          input,
          findings,
          columnSql(facts.keyColumn),
          inside,
        ),
        `coalesce(cut.geometry, ${geometryOf(facts)})`,
        facts,
      ),
    },
  ];
}

function touches(facts: TableFacts, box: ClipBox): string {
  const area = areaSql(facts, box);
  return `${geometryOf(facts)} && ${area} and ST_Intersects(${geometryOf(facts)}, ${area})`;
}

/** GEOS neither compares nor cuts collections: they are compared by their envelope, and cut part by part. */
function envelopeOfCollection(facts: TableFacts): string {
  const geometry = geometryOf(facts);
  return `case when GeometryType(${geometry}) = 'GEOMETRYCOLLECTION' then ST_Envelope(${geometry}) else ${geometry} end`;
}

function clipped(facts: TableFacts, box: ClipBox): string {
  const geometry = geometryOf(facts);
  const area = areaSql(facts, box);
  return `case when GeometryType(${geometry}) = 'GEOMETRYCOLLECTION' then
      (select ST_Collect(kept.geom) from (select ${cutPart('part.geom', area)} as geom from ST_Dump(${geometry}) as part offset 0) as kept where not ST_IsEmpty(kept.geom))
    when GeometryType(${geometry}) like 'MULTI%' then ST_Multi(${cutPart(geometry, area)})
    else ${cutPart(geometry, area)} end`;
}

function cutPart(geometry: string, area: string): string {
  return `ST_CollectionExtract(ST_Intersection(${geometry}, ${area}), ST_Dimension(${geometry}) + 1)`;
}

function areaSql(facts: TableFacts, box: ClipBox): string {
  if (sridOf(box.crs) === facts.targetSrid) return boxSql(box);
  return format('%L::geometry', facts.areas.get(areaKey(box)));
}
