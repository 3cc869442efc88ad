import pg from 'pg';
import type { Note } from '#shared/events/types.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { crsLabel } from '#shared/gdal/crs.ts';
import type { Crs } from '#shared/gdal/wkt.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';

/** Do the coordinates fit the CRS that they are said to be in? */

/** [xmin, ymin, xmax, ymax] in units of the CRS. */
export type Extent = [number, number, number, number];

/** Rounding at the poles and the antimeridian; about 10 m. */
const TOLERANCE_DEGREES = 0.0001;
/** Some data counts longitudes from 0 to 360. */
const FARTHEST_LONGITUDE = 360;
/** Data of a neighbouring zone or a sea area lies a few degrees outside of the area of use; this is a third of a continent away. */
const FAR_DEGREES = 15;

/** Rows and extent of a table; the extent is null when it has no coordinates. */
export async function measureTable(session: PostgisSession, table: string, geometryColumn: string): Promise<{ rowCount: number; extent: Extent | null }> {
  const geometry = pg.escapeIdentifier(geometryColumn);
  const [row] = await session.query<{ count: string; x1: number | null; y1: number | null; x2: number | null; y2: number | null }>(
    `select count, st_xmin(e) x1, st_ymin(e) y1, st_xmax(e) x2, st_ymax(e) y2 from (select count(*), st_extent(${geometry}) e from ${pg.escapeIdentifier(table)}) t`,
  );
  const corners = [row?.x1, row?.y1, row?.x2, row?.y2];
  const extent = corners.every((corner): corner is number => typeof corner === 'number') ? (corners as Extent) : null;
  return { rowCount: Number(row?.count ?? 0), extent };
}

/**
 * Notes about coordinates that are odd for their CRS. Throws CRS_EXTENT_MISMATCH when they cannot be in it: outside of the globe,
 * degrees in a projected CRS, or wholly more than 15 degrees away from the CRS's area of use.
 */
export async function checkExtent(session: PostgisSession, crs: Crs, srid: number, extent: Extent | null, file: string): Promise<Note[]> {
  if (extent === null || crs.kind === 'geocentric') return [];
  if (!extent.every(Number.isFinite)) throw mismatch(crs, extent, file, 'they are not finite numbers');
  if (crs.kind === 'geographic') return geographicNotes(crs, extent, file);
  if (looksLikeDegrees(crs, extent)) throw mismatch(crs, extent, file, 'they look like degrees');
  const onEarth = await extentInDegrees(session, extent, srid);
  if (onEarth === undefined) throw mismatch(crs, extent, file, 'they cannot be transformed to longitude and latitude');
  return areaNotes(crs, extent, onEarth, file);
}

/** The rule for longitudes and latitudes, in whatever unit of angle. */
export function geographicNotes(crs: Crs, extent: Extent, file: string): Note[] {
  const [west, south, east, north] = extent.map((value) => value * crs.degreesPerUnit) as Extent;
  if (Math.max(Math.abs(south), Math.abs(north)) > 90 + TOLERANCE_DEGREES) throw mismatch(crs, extent, file, 'latitudes end at 90 degrees');
  if (Math.max(Math.abs(west), Math.abs(east)) > FARTHEST_LONGITUDE + TOLERANCE_DEGREES) throw mismatch(crs, extent, file, 'longitudes end at 180 degrees (360, when they count from 0)');
  if (Math.max(Math.abs(west), Math.abs(east)) <= 180 + TOLERANCE_DEGREES) return [];
  return [{ code: 'LONGITUDE_BEYOND_180', file, message: `Longitudes of ${file} reach from ${west} to ${east} degrees; they were kept as they are.` }];
}

/** A projected CRS with a code has its origin far from data that is this small: 180 by 90 metres. A single point at 0, 0 is a common stand-in for "none". */
export function looksLikeDegrees(crs: Crs, [x1, y1, x2, y2]: Extent): boolean {
  const isOrigin = x1 === 0 && y1 === 0 && x2 === 0 && y2 === 0;
  return crs.authority !== undefined && !isOrigin && Math.max(Math.abs(x1), Math.abs(x2)) <= 180 && Math.max(Math.abs(y1), Math.abs(y2)) <= 90;
}

/** The rule for a projected CRS, by where its coordinates lie on Earth. */
export function areaNotes(crs: Crs, extent: Extent, onEarth: Extent, file: string): Note[] {
  if (crs.areaOfUse === undefined) return [];
  const distance = distanceFromArea(onEarth, crs.areaOfUse);
  if (distance > FAR_DEGREES) throw mismatch(crs, extent, file, `that is ${Math.round(distance)} degrees away from where this CRS is used`);
  if (distance === 0) return [];
  return [{ code: 'CRS_OUTSIDE_AREA_OF_USE', file, message: `The coordinates lie outside of the area that ${crsLabel(crs)} is made for; distances may be distorted.` }];
}

/** Degrees between two boxes; 0 when they touch. */
function distanceFromArea([west, south, east, north]: Extent, [areaWest, areaSouth, areaEast, areaNorth]: Extent): number {
  const areas: Extent[] = areaWest <= areaEast ? [[areaWest, areaSouth, areaEast, areaNorth]] : [[areaWest, areaSouth, 180, areaNorth], [-180, areaSouth, areaEast, areaNorth]];
  return Math.min(...areas.map(([w, s, e, n]) => Math.max(0, w - east, west - e, s - north, south - n)));
}

async function extentInDegrees(session: PostgisSession, [x1, y1, x2, y2]: Extent, srid: number): Promise<Extent | undefined> {
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
    return [Math.min(...finite.map(({ x }) => x)), Math.min(...finite.map(({ y }) => y)), Math.max(...finite.map(({ x }) => x)), Math.max(...finite.map(({ y }) => y))];
  } catch (thrown) {
    // XX000: PROJ says that a point is outside of what the projection can do.
    if ((thrown as { code?: string }).code === 'XX000') return undefined;
    throw thrown;
  }
}

function mismatch(crs: Crs, extent: Extent, file: string, why: string): SluiceError {
  const [x1, y1, x2, y2] = extent;
  const area = crs.areaOfUse === undefined ? '' : ` (used between longitudes ${crs.areaOfUse[0]} and ${crs.areaOfUse[2]}, latitudes ${crs.areaOfUse[1]} and ${crs.areaOfUse[3]})`;
  return new SluiceError('CRS_EXTENT_MISMATCH', `The coordinates of ${file} reach from x ${x1}, y ${y1} to x ${x2}, y ${y2}; they cannot be in ${crsLabel(crs)}${area}: ${why}. Correct the CRS of the file, or \`crs\` in the manifest.`, {
    details: { file, crs: crsLabel(crs), extent: extent.map((value) => (Number.isFinite(value) ? value : String(value))), ...(crs.areaOfUse ? { area_of_use: crs.areaOfUse } : {}) },
  });
}
