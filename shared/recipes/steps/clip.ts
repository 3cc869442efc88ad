import format from 'pg-format';
import { z } from 'zod';
import { counted } from '#shared/text/amounts.ts';
import { EpsgCodeSchema } from '#shared/contracts/epsg-codes.ts';
import type { Note } from '#shared/contracts/shared-schemas.ts';
import { defineStep, type SqlStep, type StepContext, type StepCounts, type StepTables } from '../recipe-step.ts';
import { areaKey, BoundsSchema, boxSql, type ClipBox, sridOfCode } from '../sql/clip-area.ts';
import { columnSql, createTableAs, geometryOf, isCollection } from '../sql/select.ts';

export const clip = defineStep({
  summary:
    'Clips to a box. Features that cross its edge are cut, and keep the parts of their own dimension. ' +
    'Features outside of the box and features without a geometry are removed.',
  schema: z.strictObject({
    step: z.literal('clip'),
    bounds: BoundsSchema.describe('`[xmin, ymin, xmax, ymax]` of the box: west, south, east, north.'),
    crs: EpsgCodeSchema.default('EPSG:4326').describe(
      'Coordinate reference system of `bounds`, with longitude or easting first.',
    ),
    cut: z.boolean().default(true).describe('False keeps whole features that intersect the box.'),
  }),
  example: { step: 'clip', bounds: [7.0, 50.6, 7.2, 50.8] },
  bind: ({ bounds, crs, cut }) => {
    const box: ClipBox = { bounds, crs };
    return {
      plan: (tables, context) => (cut ? cutFeatures(tables, context, box) : [keepWhole(tables, context, box)]),
      expression: (context) => clipped(context, box),
      failure: { code: 'GEOMETRY_INVALID', predicate: 'cannot be clipped' },
      note: clipNote,
    };
  },
});

function clipNote({ before, after, changed }: StepCounts): Note | undefined {
  const sentences = [
    ...(after < before ? [`Removed ${before - after} of ${before} features outside of the box.`] : []),
    ...(changed > 0 ? [`Cut ${counted(changed, 'feature')} at the edge of the box.`] : []),
  ];
  return sentences.length === 0 ? undefined : { code: 'FEATURES_CLIPPED', message: sentences.join(' ') };
}

function keepWhole({ input, output }: StepTables, context: StepContext, box: ClipBox): SqlStep {
  const source = format('%I as t where %s', input, intersects(context, box));
  return { sql: createTableAs(output, source, geometryOf(context), context) };
}

/**
 * Cuts the features that cross the edge into the findings, then creates the table from these and the features inside of
 * the box.
 */
function cutFeatures({ input, output, findings }: StepTables, context: StepContext, box: ClipBox): SqlStep[] {
  const inside = `ST_CoveredBy(${envelopeOfCollection(context)}, ${areaSql(context, box)})`;
  const crossing = format(
    'select %s as feature, %s as geometry from %I as t where %s and not %s offset 0',
    columnSql(context.keyColumn),
    clipped(context, box),
    input,
    intersects(context, box),
    inside,
  );
  return [
    // The part of a polygon that only touches the edge is empty.
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
          columnSql(context.keyColumn),
          inside,
        ),
        `coalesce(cut.geometry, ${geometryOf(context)})`,
        context,
      ),
    },
  ];
}

function intersects(context: StepContext, box: ClipBox): string {
  const area = areaSql(context, box);
  return `${geometryOf(context)} && ${area} and ST_Intersects(${geometryOf(context)}, ${area})`;
}

/** GEOS does not support predicates on collections, so they are compared by their envelope. */
function envelopeOfCollection(context: StepContext): string {
  const geometry = geometryOf(context);
  return `case when ${isCollection(geometry)} then ST_Envelope(${geometry}) else ${geometry} end`;
}

/** GEOS does not intersect collections, so their parts are cut one by one. */
function clipped(context: StepContext, box: ClipBox): string {
  const geometry = geometryOf(context);
  const area = areaSql(context, box);
  return `case when ${isCollection(geometry)} then
      (select ST_Collect(kept.geom)
       from (select ${cutPart('part.geom', area)} as geom from ST_Dump(${geometry}) as part offset 0) as kept
       where not ST_IsEmpty(kept.geom))
    when GeometryType(${geometry}) like 'MULTI%' then ST_Multi(${cutPart(geometry, area)})
    else ${cutPart(geometry, area)} end`;
}

function cutPart(geometry: string, area: string): string {
  return `ST_CollectionExtract(ST_Intersection(${geometry}, ${area}), ST_Dimension(${geometry}) + 1)`;
}

/** The box in the target CRS. */
function areaSql(context: StepContext, box: ClipBox): string {
  if (sridOfCode(box.crs) === context.targetSrid) return boxSql(box);
  return format('%L::geometry', context.areas.get(areaKey(box)));
}
