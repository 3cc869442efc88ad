import { boxInDegrees, type Extent, type Point } from '#shared/contracts/extent.ts';
import type { Gdal, GdalCommand } from '../gdal.ts';
import { type Crs, CRS84, crsArgument, isSameCrs } from './crs.ts';

/** Transforms points to longitude and latitude with GDAL. shared/postgis/extent-in-degrees.ts does it with PostGIS. */

/** The bounding box of points in degrees; undefined when none of them can be transformed. */
export async function gdalExtentInDegrees(
  points: readonly Point[],
  crs: Crs,
  gdal: Gdal,
  signal: AbortSignal,
): Promise<Extent | undefined> {
  if (isSameCrs(crs, CRS84)) return boxInDegrees(points);
  const { stdout } = await gdal.run(transformCommand(points, crsArgument(crs)), { signal });
  return boxInDegrees(parseTransformedPoints(stdout));
}

/** `crs` is a code or WKT that checkCrsText allows. Input and output have x or longitude first. */
export function transformCommand(points: readonly Point[], crs: string): GdalCommand {
  return {
    command: 'gdaltransform',
    args: ['-s_srs', crs, '-t_srs', 'OGC:CRS84', '-output_xy'],
    drivers: [],
    input: points.map(([x, y]) => `${x} ${y}\n`).join(''),
  };
}

/**
 * The points in the output of gdaltransform, without those that have no position, such as the corners of a full disk.
 */
export function parseTransformedPoints(stdout: string): Point[] {
  return stdout.split('\n').flatMap((line) => {
    const [x, y] = line.trim().split(/\s+/).map(Number);
    return x !== undefined && y !== undefined && Number.isFinite(x) && Number.isFinite(y) ? [[x, y] as const] : [];
  });
}
