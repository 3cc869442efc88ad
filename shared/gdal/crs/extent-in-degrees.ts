import { CRS84, crsArgument, isSameCrs } from './crs.ts';
import type { Extent } from './check-extent.ts';
import type { Gdal, GdalCommand } from '../gdal.ts';
import type { Crs } from './wkt.ts';

/** Where an area in any CRS lies on Earth, in longitude and latitude of WGS 84. */

/** Points along each side and through the area: a straight side is a curve in degrees, and a pole lies inside. */
const POINTS_PER_SIDE = 21;

/** Points all over a rectangle, given the place of each of its corners by fractions of width and height (0 to 1). */
export function gridPoints(
  place: (across: number, down: number) => readonly [number, number],
): (readonly [number, number])[] {
  const steps = Array.from({ length: POINTS_PER_SIDE }, (_, index) => index / (POINTS_PER_SIDE - 1));
  return steps.flatMap((down) => steps.map((across) => place(across, down)));
}

/** Points all over an extent. */
export function gridOfExtent([west, south, east, north]: Extent): (readonly [number, number])[] {
  return gridPoints((across, down) => [west + (east - west) * across, north + (south - north) * down]);
}

/** `crs` is what checkedCrsText allows: a code or WKT. Coordinates in and out have x or longitude first. */
export function transformCommand(points: readonly (readonly [number, number])[], crs: string): GdalCommand {
  return {
    command: 'gdaltransform',
    args: ['-s_srs', crs, '-t_srs', 'OGC:CRS84', '-output_xy'],
    drivers: [],
    input: points.map(([x, y]) => `${x} ${y}\n`).join(''),
  };
}

/** The points in the output of gdaltransform; those that have no place on Earth (the corners of a full-disk image) are left out. */
export function parseTransformedPoints(stdout: string): [number, number][] {
  return stdout.split('\n').flatMap((line) => {
    const [x, y] = line.trim().split(/\s+/).map(Number);
    return x !== undefined && y !== undefined && Number.isFinite(x) && Number.isFinite(y)
      ? [[x, y] as [number, number]]
      : [];
  });
}

/**
 * The box around points in degrees; undefined without any. Longitudes that count to 360 are brought back, and a box that then
 * crosses the antimeridian spans all longitudes, since its west would be east of its east.
 */
export function boxInDegrees(points: readonly (readonly [number, number])[]): Extent | undefined {
  if (points.length === 0) return undefined;
  const [west, east] = [Math.min(...points.map(([x]) => x)), Math.max(...points.map(([x]) => x))];
  const [south, north] = [Math.min(...points.map(([, y]) => y)), Math.max(...points.map(([, y]) => y))];
  const [from, to] = withinHalfCircle(west, east);
  return [from, Math.max(south, -90), to, Math.min(north, 90)];
}

function withinHalfCircle(west: number, east: number): [number, number] {
  if (west >= -180 && east <= 180) return [west, east];
  const shift = west >= 180 ? -360 : east <= -180 ? 360 : 0;
  return shift !== 0 && west + shift >= -180 && east + shift <= 180 ? [west + shift, east + shift] : [-180, 180];
}

/** The extent of points in degrees; undefined when none of them has a place on Earth. */
export async function gdalExtentInDegrees(
  points: readonly (readonly [number, number])[],
  crs: Crs,
  gdal: Gdal,
  signal: AbortSignal,
): Promise<Extent | undefined> {
  if (isSameCrs(crs, CRS84)) return boxInDegrees(points);
  const { stdout } = await gdal.run(transformCommand(points, crsArgument(crs)), { signal });
  return boxInDegrees(parseTransformedPoints(stdout));
}
