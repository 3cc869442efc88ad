import format from 'pg-format';
import { type Extent, gridOfExtent } from '#shared/contracts/extent.ts';
import type { Note } from '#shared/contracts/shared-schemas.ts';
import { checkExtentInCrs, gdalExtentInDegrees } from '#shared/gdal/crs/check-extent.ts';
import type { Crs } from '#shared/gdal/crs/crs.ts';
import { postgisExtentInDegrees } from '#shared/postgis/extent-in-degrees.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import { emptyPointSql, type GeometryCounts, notFiniteSql } from '../guards/unreadable-geometries.ts';
import type { LoadContext } from '../load-context.ts';

/** Counts of a table, by one scan, and its extent; the extent is null when the table has no coordinates. */
export async function measureTable(
  session: PostgisSession,
  table: string,
  geometryColumn: string,
): Promise<GeometryCounts & { extent: Extent | null }> {
  const geometry = format('%I', geometryColumn);
  const [row] = await session.query<
    Record<'count' | 'missing' | 'empty' | 'infinite', string> & Record<'x1' | 'y1' | 'x2' | 'y2', number | null>
  >(
    `select count, count - present as missing, empty, infinite,
       st_xmin(e) x1, st_ymin(e) y1, st_xmax(e) x2, st_ymax(e) y2
     from (
       select count(*), count(${geometry}) as present,
         count(*) filter (where ${emptyPointSql(geometryColumn)}) as empty,
         count(*) filter (where ${notFiniteSql(geometryColumn)}) as infinite, st_extent(${geometry}) e
       from ${format('%I', table)}) t`,
  );
  const corners = [row?.x1, row?.y1, row?.x2, row?.y2];
  const extent = corners.every((corner): corner is number => typeof corner === 'number') ? (corners as Extent) : null;
  return {
    rowCount: Number(row?.count ?? 0),
    missing: Number(row?.missing ?? 0),
    emptyPoints: Number(row?.empty ?? 0),
    notFinite: Number(row?.infinite ?? 0),
    extent,
  };
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
  const extentInDegrees = async () =>
    (await postgisExtentInDegrees(session, extent, srid)) ??
    gdalExtentInDegrees(gridOfExtent(extent), crs, gdal, signal);
  return checkExtentInCrs(crs, extent, file, extentInDegrees);
}
