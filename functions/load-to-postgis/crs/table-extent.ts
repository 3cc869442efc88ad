import format from 'pg-format';
import { boxInDegrees, gdalExtentInDegrees, gridOfExtent } from '#shared/gdal/crs/extent-in-degrees.ts';
import { checkExtentInCrs, type Extent } from '#shared/gdal/crs/check-extent.ts';
import type { Crs } from '#shared/gdal/crs/wkt.ts';
import type { Note } from '#shared/contracts/facts.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import type { LoadContext } from '../load-context.ts';

/** SQLSTATE internal_error: PROJ's error for a point outside of the domain of the projection. */
const TRANSFORMATION_FAILED = 'XX000';

/** The number of rows and the extent of a table; the extent is null when the table has no coordinates. */
export async function measureTable(
  session: PostgisSession,
  table: string,
  geometryColumn: string,
): Promise<{ rowCount: number; extent: Extent | null }> {
  const [row] = await session.query<{ count: string } & Record<'x1' | 'y1' | 'x2' | 'y2', number | null>>(
    format(
      `select count, st_xmin(e) x1, st_ymin(e) y1, st_xmax(e) x2, st_ymax(e) y2
       from (select count(*), st_extent(%I) e from %I) t`,
      geometryColumn,
      table,
    ),
  );
  const corners = [row?.x1, row?.y1, row?.x2, row?.y2];
  const extent = corners.every((corner): corner is number => typeof corner === 'number') ? (corners as Extent) : null;
  return { rowCount: Number(row?.count ?? 0), extent };
}

/** Notes about coordinates that are unusual for their CRS (checkExtentInCrs). Throws CRS_EXTENT_MISMATCH. */
export async function checkTableExtent(
  extent: Extent | null,
  { crs, srid }: { crs: Crs; srid: number },
  file: string,
  { session, gdal, signal }: Pick<LoadContext, 'session' | 'gdal' | 'signal'>,
): Promise<Note[]> {
  if (extent === null) return [];
  // The corners of a world map are outside of many projections. PostGIS then rejects the query; GDAL omits such points.
  const onEarth = async () =>
    (await extentInDegrees(session, extent, srid)) ?? gdalExtentInDegrees(gridOfExtent(extent), crs, gdal, signal);
  return checkExtentInCrs(crs, extent, file, onEarth);
}

/** The extent in EPSG:4326, from 9 points of it; undefined when PostGIS cannot transform one of them. */
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
      `select st_x(p) x, st_y(p) y
       from (
         select st_transform(st_setsrid(st_makepoint(x, y), $3::int), 4326) p
         from unnest($1::float8[], $2::float8[]) t(x, y)
       ) q`,
      [points.map(([x]) => x), points.map(([, y]) => y), srid],
    );
    const finite = rows.filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y));
    return boxInDegrees(finite.map(({ x, y }) => [x, y]));
  } catch (thrown) {
    if ((thrown as { code?: string }).code === TRANSFORMATION_FAILED) return undefined;
    throw thrown;
  }
}
