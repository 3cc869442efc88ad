import { boxInDegrees, type Extent, gridOfExtent } from '#shared/contracts/extent.ts';
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
  const points = gridOfExtent(extent);
  try {
    const rows = await session.query<{ x: number; y: number }>(
      `select st_x(p) x, st_y(p) y
         from (select st_transform(st_setsrid(st_makepoint(x, y), $3::int), ${WGS84}) p
                 from unnest($1::float8[], $2::float8[]) points(x, y)) transformed`,
      [points.map(([x]) => x), points.map(([, y]) => y), srid],
    );
    return boxInDegrees(rows.filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y)).map(({ x, y }) => [x, y]));
  } catch (thrown) {
    if ((thrown as { code?: string }).code === INTERNAL_ERROR) return undefined;
    throw thrown;
  }
}
