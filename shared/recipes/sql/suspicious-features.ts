import format from 'pg-format';
import type { StepContext, StepTables } from '../recipe-step.ts';

/**
 * Finds the features whose shape a transformation may change by more than SHAPE_TOLERANCE, in one pass over all
 * features. A straight edge of length L has another course in another CRS, in its middle at most curvature * L^2 / 8
 * away, where the curvature is that of straight lines of both CRSs on the globe. So the area between the courses of the
 * edges is at most curvature * (sum of L^3) / 12, and the sum is at most (longest edge)^2 * perimeter.
 */

/** Part of the area that a polygon may cover elsewhere, and part of its length by which a line may deviate. */
export const SHAPE_TOLERANCE = 0.01;
/** Features are not compared when their edges move by less than this distance, in meters. */
const MIN_DEVIATION_METERS = 0.001;
/**
 * Curvature of straight lines, in relation to that of the globe: in degrees up to 1.09 times the tangent of the
 * latitude, in Mercator projections once more, in conical, azimuthal and transverse ones less than 1. Maps of the world
 * have more at their edges.
 */
const PROJECTED_CURVATURE = 3;
const TANGENT_CURVATURE = 2.1;
export const EARTH_RADIUS_METERS = 6_371_000;
/** The degrees of a great circle as a length, when the radius is 1. */
const RADIANS_PER_DEGREE = Math.PI / 180;
/** Beyond this latitude, all features are suspicious. */
const POLE_DEGREES = 89.99;
/** In degrees, when the edges of a feature of this extent move by MIN_DEVIATION_METERS; squared. */
const MIN_SQUARE = (8 * MIN_DEVIATION_METERS) / (EARTH_RADIUS_METERS * RADIANS_PER_DEGREE ** 2);
/** Smaller and larger extents in degrees are replaced by these, because the square of others can have no double. */
const MIN_EXTENT = 1e-9;
const MAX_EXTENT = 1000;
/** Smaller areas and lengths, including those in degrees, are replaced by this. */
const MIN_MEASURE = 1e-30;
/** More vertices are not added in the search for a long edge. */
const MAX_ADDED_VERTICES = 10_000;
/** The most suspicious features are compared, so that the comparison takes a small part of the time of a load. */
const COMPARED_FEATURES = 2000;
const COMPARED_BYTES = 4 * 2 ** 20;
/** The most suspicious feature can be larger. A million vertices take half a minute. */
const COMPARED_BYTES_OF_FIRST = 16 * 2 ** 20;

/**
 * A query for `feature`, `dimension`, `source`, `result`, `position` (1 for the most suspicious) and `is_compared` of
 * the suspicious features. `source` is SQL for the geometry of raw_data (alias `t`) before the transformation.
 */
export function suspiciousFeatures({ input, output }: StepTables, source: string, context: StepContext): string {
  const { geometryColumn, keyColumn, targetSrid, units, sourceUnit } = context;
  const isResultInDegrees = units.get(targetSrid) === 'degree';
  const result = format('o.%I', geometryColumn);
  const isSourceInDegrees = !isResultInDegrees && sourceUnit === 'degree';
  const degrees = isResultInDegrees ? result : isSourceInDegrees ? source : `ST_Transform(${result}, 4326)`;
  const [table, alias] = isSourceInDegrees ? [input, 't'] : [output, 'o'];
  const features = format('select %I as feature, %s as geometry from %I as %s', keyColumn, degrees, table, alias);
  return format(
    `select feature, dimension, source, result, position,
       position <= ${COMPARED_FEATURES}
         and bytes <= case position when 1 then ${COMPARED_BYTES_OF_FIRST} else ${COMPARED_BYTES} end as is_compared
     from (
       select found.feature, found.dimension, %1$s as source, %2$s as result, row_number() over by_doubt as position,
         sum(pg_column_size(%2$s)) over by_doubt as bytes
       from (%3$s) as found join %4$I as o on o.%5$I = found.feature join %6$I as t on t.%5$I = found.feature
       window by_doubt as (order by found.doubt desc, found.feature)) as ranked`,
    source,
    result,
    withLongEdges(features),
    output,
    keyColumn,
    input,
  );
}

/** SQL for the polygons of a collection, or its lines if it has none. Edges of both would be compared as rings. */
export const PARTS_COMPARED = (geometry: string) =>
  `case when GeometryType(${geometry}) = 'GEOMETRYCOLLECTION'
    then ST_CollectionExtract(${geometry}, ST_Dimension(${geometry}) + 1) else ${geometry} end`;

/** SQL for an extent in degrees. */
const bounded = (extent: string) => `least(greatest(${extent}, ${MIN_EXTENT}), ${MAX_EXTENT})`;

/**
 * A query for `feature`, `dimension` and `doubt`. Computes the boxes first, then areas and lengths, and searches for
 * long edges only in features whose edges could be long. Each level is computed once per feature (offset 0).
 */
function withLongEdges(features: string): string {
  const boxes = `select feature, geometry, ${bounded('ST_XMax(box) - ST_XMin(box)')} as width,
      ${bounded('ST_YMax(box) - ST_YMin(box)')} as height,
      least(greatest(abs(ST_YMin(box)), abs(ST_YMax(box))), 90) as high,
      case when sign(ST_YMin(box)) * sign(ST_YMax(box)) <= 0 then 0
        else least(abs(ST_YMin(box)), abs(ST_YMax(box)), 90) end as low
    from (select feature, geometry, geometry::box3d as box from (${features}) as features offset 0) as boxes offset 0`;
  const extents = `select feature, geometry, high, power(width * cosd(low), 2) + power(height, 2) as square,
      cosd(least(high, ${POLE_DEGREES})) as narrow,
      ${PROJECTED_CURVATURE} + ${TANGENT_CURVATURE} * tand(least(high, ${POLE_DEGREES})) as curvature
    from (${boxes}) as extents offset 0`;
  const large = `select feature, ${PARTS_COMPARED('geometry')} as geometry, high, square, narrow, curvature
    from (${extents}) as extents where square * curvature > ${MIN_SQUARE} offset 0`;
  const measures = `select feature, geometry, square, high, curvature, ST_Dimension(geometry) as dimension,
      case when ST_Dimension(geometry) = 2 then ST_Perimeter(geometry) else ST_Length(geometry) end as length,
      case ST_Dimension(geometry)
        when 2 then 12 * greatest(ST_Area(geometry), ${MIN_MEASURE}) / case
          when ST_Perimeter(geometry) > ${MIN_MEASURE}
          then least(ST_Perimeter(geometry), ST_NPoints(geometry) * sqrt(square)) end
        when 1 then 8 * greatest(ST_Length(geometry), ${MIN_MEASURE}) end
      * narrow * ${SHAPE_TOLERANCE / RADIANS_PER_DEGREE} / curvature as limit_square
    from (${large}) as measures offset 0`;
  return `select feature, dimension, square / limit_square as doubt
    from (${measures}) as doubts
    where limit_square > 0 and square > limit_square and case
      when high > ${POLE_DEGREES} or length > ${MAX_ADDED_VERTICES} * sqrt(limit_square) then true
      else ST_NPoints(ST_Segmentize(geometry, sqrt(limit_square))) > ST_NPoints(geometry) end`;
}
