import { boxInDegrees, type Extent, gridOfExtent, type Point } from '#shared/contracts/extent.ts';
import type { PostgisSession } from './postgis.ts';

/** SRID of longitude and latitude on WGS 84. */
const WGS84 = 4326;
/** SQLSTATE of PROJ's errors in PostGIS. */
const INTERNAL_ERROR = 'XX000';

/**
 * The bounding box of an extent in degrees, transformed with PostGIS, which starts no program. Undefined when PROJ
 * cannot transform one of the points: the corners of a world map are outside the range of many projections.
 * shared/gdal/crs/check-extent.ts transforms the remaining points in this case.
 */
export async function postgisExtentInDegrees(
  session: Pick<PostgisSession, 'query'>,
  extent: Extent,
  srid: number,
): Promise<Extent | undefined> {
  if (srid === WGS84) return extent;
  const points = await transformPoints(session, gridOfExtent(extent), srid);
  return points && boxInDegrees(points);
}

/**
 * The same for the catalog: the west of data across longitude 180 is greater than its east (RFC 7946, 5.2). A
 * geographic extent may have its west greater than its east, too.
 */
export async function postgisBoundsInDegrees(
  session: Pick<PostgisSession, 'query'>,
  extent: Extent,
  srid: number,
): Promise<Extent | undefined> {
  if (srid === WGS84) return extent;
  const [west, south, east, north] = extent;
  const unwound: Extent = [west, south, west > east ? east + 360 : east, north];
  const points = await transformPoints(session, gridOfExtent(unwound), srid);
  return points && smallestBox(points);
}

/** Two points of a grid are closer than this, unless the extent does not have the longitudes between them. */
const MIN_GAP_DEGREES = 90;

/** The box of points in degrees that leaves out the widest gap between their longitudes. */
export function smallestBox(points: readonly Point[]): Extent | undefined {
  const box = boxInDegrees(points);
  if (box === undefined) return undefined;
  const longitudes = points.map(([x]) => x - 360 * Math.round(x / 360)).sort((a, b) => a - b);
  let gap = { west: 0, east: 0 };
  for (const [index, east] of longitudes.entries()) {
    const west = longitudes[index - 1] ?? east;
    if (east - west > gap.east - gap.west) gap = { west, east };
  }
  const width = gap.east - gap.west;
  const outside = 360 - ((longitudes.at(-1) ?? 0) - (longitudes[0] ?? 0));
  return width >= MIN_GAP_DEGREES && width > outside ? [gap.east, box[1], gap.west, box[3]] : box;
}

/** The finite ones of the transformed points; undefined when PROJ cannot transform one. */
async function transformPoints(
  session: Pick<PostgisSession, 'query'>,
  points: readonly Point[],
  srid: number,
): Promise<Point[] | undefined> {
  try {
    const rows = await session.query<{ x: number; y: number }>(
      `select st_x(p) x, st_y(p) y
         from (select st_transform(st_setsrid(st_makepoint(x, y), $3::int), ${WGS84}) p
                 from unnest($1::float8[], $2::float8[]) points(x, y)) transformed`,
      [points.map(([x]) => x), points.map(([, y]) => y), srid],
    );
    return rows.filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y)).map(({ x, y }) => [x, y] as const);
  } catch (thrown) {
    if ((thrown as { code?: string }).code === INTERNAL_ERROR) return undefined;
    throw thrown;
  }
}
