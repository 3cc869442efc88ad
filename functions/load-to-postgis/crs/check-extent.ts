import pg from 'pg';
import { gdalExtentInDegrees, gridOfExtent } from '#shared/gdal/crs/extent-in-degrees.ts';
import { type Extent, checkExtentInCrs } from '#shared/gdal/crs/check-extent.ts';
import type { Gdal } from '#shared/gdal/gdal.ts';
import type { Crs } from '#shared/gdal/crs/wkt.ts';
import type { Note } from '#shared/contracts/facts.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';

/** Rows and extent of a table; the extent is null when it has no coordinates. */
export async function measureTable(
  session: PostgisSession,
  table: string,
  geometryColumn: string,
): Promise<{ rowCount: number; extent: Extent | null }> {
  const geometry = pg.escapeIdentifier(geometryColumn);
  const [row] = await session.query<{
    count: string;
    x1: number | null;
    y1: number | null;
    x2: number | null;
    y2: number | null;
  }>(
    `select count, st_xmin(e) x1, st_ymin(e) y1, st_xmax(e) x2, st_ymax(e) y2 from (select count(*), st_extent(${geometry}) e from ${pg.escapeIdentifier(table)}) t`,
  );
  const corners = [row?.x1, row?.y1, row?.x2, row?.y2];
  const extent = corners.every((corner): corner is number => typeof corner === 'number') ? (corners as Extent) : null;
  return { rowCount: Number(row?.count ?? 0), extent };
}

/** Notes about coordinates that are odd for their CRS (judgeExtent). Throws CRS_EXTENT_MISMATCH. */
export async function checkExtent(
  extent: Extent | null,
  { crs, srid }: { crs: Crs; srid: number },
  file: string,
  { session, gdal, signal }: { session: PostgisSession; gdal: Gdal; signal: AbortSignal },
): Promise<Note[]> {
  if (extent === null) return [];
  // The corners around a map of the world lie outside of it in many projections; PostGIS then refuses all points, GDAL those only.
  const onEarth = async () =>
    (await extentInDegrees(session, extent, srid)) ?? gdalExtentInDegrees(gridOfExtent(extent), crs, gdal, signal);
  return checkExtentInCrs(crs, extent, file, onEarth);
}

async function extentInDegrees(
  session: PostgisSession,
  [x1, y1, x2, y2]: Extent,
  srid: number,
): Promise<Extent | undefined> {
  const xs = [x1, (x1 + x2) / 2, x2];
  const ys = [y1, (y1 + y2) / 2, y2];
  const points = xs.flatMap((x) => ys.map((y) => [x, y] as const));
  try {
    const rows = await session.query<{ x: number; y: number }>(
      'select st_x(p) x, st_y(p) y from (select st_transform(st_setsrid(st_makepoint(x, y), $3::int), 4326) p from unnest($1::float8[], $2::float8[]) t(x, y)) q',
      [points.map(([x]) => x), points.map(([, y]) => y), srid],
    );
    const finite = rows.filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y));
    if (finite.length === 0) return undefined;
    return [
      Math.min(...finite.map(({ x }) => x)),
      Math.min(...finite.map(({ y }) => y)),
      Math.max(...finite.map(({ x }) => x)),
      Math.max(...finite.map(({ y }) => y)),
    ];
  } catch (thrown) {
    // XX000: PROJ says that a point is outside of what the projection can do.
    if ((thrown as { code?: string }).code === 'XX000') return undefined;
    throw thrown;
  }
}
