import type { AssetDraft } from '#shared/ledger/documents.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';

const WGS84 = 'EPSG:4326';
/** Points along each side of the box: a straight side in a projection is a curve in degrees. */
const POINTS_PER_SIDE = 21;

/**
 * Bounds in another CRS as [west, south, east, north] in EPSG:4326; null without bounds, or where the CRS has no answer
 * for a corner.
 */
export async function geographicBounds(
  session: PostgisSession,
  bounds: AssetDraft['bbox'],
  crs: string,
): Promise<AssetDraft['bbox']> {
  if (bounds === null || crs === WGS84) return bounds;
  const [west, south, east, north] = bounds;
  const step = Math.max(east - west, north - south) / POINTS_PER_SIDE;
  const rows = await session
    .query<{ box: [number, number, number, number] }>(
      `select array[ST_XMin(b), ST_YMin(b), ST_XMax(b), ST_YMax(b)] as box
     from (select ST_Transform(case when $6::float8 > 0 then ST_Segmentize(area, $6::float8) else area end, 4326)::box3d as b from (select ST_MakeEnvelope($1, $2, $3, $4, $5) as area) as areas) as boxes`,
      [west, south, east, north, Number(crs.slice('EPSG:'.length)), step],
    )
    .catch((thrown: unknown) => {
      if ((thrown as { code?: string }).code === 'XX000') return []; // PROJ refuses: a box can reach outside the area of its features.
      throw thrown;
    });
  const box = rows[0]?.box;
  return box !== undefined && box.every(Number.isFinite) ? box : null;
}
