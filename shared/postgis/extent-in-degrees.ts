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
  const points = await transformPoints(session, gridOfExtent(extent), srid, WGS84);
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
  const points = await transformPoints(session, gridOfExtent(unwound), srid, WGS84);
  const box = points && smallestBox(points);
  if (box === undefined) return undefined;
  const poles = await polesInside(session, extent, srid);
  return poles.length === 0 ? box : [-180, Math.min(box[1], ...poles), 180, Math.max(box[3], ...poles)];
}

/** Longitudes at which the pole is looked up. In a polar projection it is one point, in others a line or nothing. */
const POLE_LONGITUDES = [0, 120, -120];
/** Distance of images of one point, as a part of the extent. */
const SAME_POINT = 1e-6;

/** The latitudes, 90 or -90, of the poles that are points in an extent. The points of a grid only come near them. */
async function polesInside(
  session: Pick<PostgisSession, 'query'>,
  [xmin, ymin, xmax, ymax]: Extent,
  srid: number,
): Promise<number[]> {
  const poles: number[] = [];
  for (const latitude of [90, -90]) {
    const images = await transformPoints(
      session,
      POLE_LONGITUDES.map((longitude) => [longitude, latitude]),
      WGS84,
      srid,
    );
    const [first, ...others] = images ?? [];
    if (first === undefined || others.length < POLE_LONGITUDES.length - 1) continue;
    const isPoint = others.every(([x, y]) => Math.hypot(x - first[0], y - first[1]) <= SAME_POINT * (xmax - xmin));
    const isInside = first[0] >= xmin && first[0] <= xmax && first[1] >= ymin && first[1] <= ymax;
    if (isPoint && isInside) poles.push(latitude);
  }
  return poles;
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
  from: number,
  to: number,
): Promise<Point[] | undefined> {
  try {
    const rows = await session.query<{ x: number; y: number }>(
      `select st_x(p) x, st_y(p) y
         from (select st_transform(st_setsrid(st_makepoint(x, y), $3::int), $4::int) p
                 from unnest($1::float8[], $2::float8[]) points(x, y)) transformed`,
      [points.map(([x]) => x), points.map(([, y]) => y), from, to],
    );
    return rows.filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y)).map(({ x, y }) => [x, y] as const);
  } catch (thrown) {
    if ((thrown as { code?: string }).code === INTERNAL_ERROR) return undefined;
    throw thrown;
  }
}
