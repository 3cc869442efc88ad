import { boxInDegrees, type Extent, partsOf, type Point } from '#shared/contracts/extent.ts';
import type { Note } from '#shared/contracts/shared-schemas.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { Gdal, GdalCommand } from '../gdal.ts';
import { type Crs, CRS84, crsArgument, crsLabel, isSameCrs } from './crs.ts';

/** Checks that coordinates are possible in their CRS. */

/** Tolerance for rounding at the poles and the antimeridian; about 10 m. */
const TOLERANCE_DEGREES = 0.0001;
/** Some data has longitudes from 0 to 360. */
const MAX_LONGITUDE = 360;
/**
 * Data of a neighboring zone or a sea area is a few degrees outside the area of use. 15 degrees is a third of a
 * continent.
 */
const MAX_DISTANCE_DEGREES = 15;

/**
 * Returns notes about coordinates that are unusual in their CRS. `extentInDegrees` transforms the extent, and returns
 * undefined when that fails. Throws CRS_EXTENT_MISMATCH for coordinates that cannot be in the CRS: outside of the
 * globe, degrees in a projected CRS, or more than 15 degrees away from the area of use of the CRS.
 */
export async function checkExtentInCrs(
  crs: Crs,
  extent: Extent,
  file: string,
  extentInDegrees: () => Promise<Extent | undefined>,
): Promise<Note[]> {
  if (crs.kind === 'geocentric') return [];
  if (!extent.every(Number.isFinite)) throw extentMismatch(crs, extent, file, 'they are not finite numbers');
  if (crs.kind === 'geographic') return geographicNotes(crs, extent, file);
  if (looksLikeDegrees(crs, extent)) throw extentMismatch(crs, extent, file, 'they look like degrees');
  const degrees = await extentInDegrees();
  if (degrees === undefined)
    throw extentMismatch(crs, extent, file, 'they cannot be transformed to longitude and latitude');
  return areaNotes(crs, extent, degrees, file);
}

/** Checks longitudes and latitudes, in the angular unit of the CRS. Throws CRS_EXTENT_MISMATCH. */
function geographicNotes(crs: Crs, extent: Extent, file: string): Note[] {
  const [west, south, east, north] = extent.map((value) => value * crs.degreesPerUnit) as Extent;
  const [latitude, longitude] = [Math.max(Math.abs(south), Math.abs(north)), Math.max(Math.abs(west), Math.abs(east))];
  if (latitude > 90 + TOLERANCE_DEGREES) throw extentMismatch(crs, extent, file, 'latitudes are at most 90 degrees');
  if (longitude > MAX_LONGITUDE + TOLERANCE_DEGREES)
    throw extentMismatch(
      crs,
      extent,
      file,
      `longitudes are at most 180 degrees, or 360 if they start at 0${shiftHint(west, east)}`,
    );
  if (longitude <= 180 + TOLERANCE_DEGREES) return [];
  return [
    {
      code: 'LONGITUDE_BEYOND_180',
      file,
      message: `The longitudes of ${file} are between ${west} and ${east} degrees, some of them beyond 180.`,
    },
  ];
}

/** Some models number longitudes from 180 to 540. */
function shiftHint(west: number, east: number): string {
  const isShifted = west >= 180 - TOLERANCE_DEGREES && east <= 540 + TOLERANCE_DEGREES;
  return isShifted ? ', so subtract 360 from them' : '';
}

/**
 * True for coordinates in the range of degrees in a projected CRS with a code: the origin of such a CRS is far from
 * data of 180 by 90 meters. A single point at 0, 0 is excepted, because it is often written for a missing value.
 */
function looksLikeDegrees(crs: Crs, [x1, y1, x2, y2]: Extent): boolean {
  const isOrigin = x1 === 0 && y1 === 0 && x2 === 0 && y2 === 0;
  return (
    crs.authority !== undefined &&
    !isOrigin &&
    Math.max(Math.abs(x1), Math.abs(x2)) <= 180 &&
    Math.max(Math.abs(y1), Math.abs(y2)) <= 90
  );
}

/** Checks the distance of projected coordinates from the area of use of the CRS. Throws CRS_EXTENT_MISMATCH. */
function areaNotes(crs: Crs, extent: Extent, degrees: Extent, file: string): Note[] {
  if (crs.areaOfUse === undefined) return [];
  const distance = distanceInDegrees(degrees, crs.areaOfUse);
  if (distance > MAX_DISTANCE_DEGREES)
    throw extentMismatch(crs, extent, file, `that is ${Math.round(distance)} degrees outside its area of use`);
  if (distance === 0) return [];
  return [
    {
      code: 'CRS_OUTSIDE_AREA_OF_USE',
      file,
      message: `The coordinates are outside the area of use of ${crsLabel(crs)}; distances may be distorted.`,
    },
  ];
}

/**
 * Notes about data outside the area of use of the CRS that it is transformed to. `field` is the manifest field of the
 * CRS.
 */
export function targetNotes(crs: Crs, degrees: Extent, field: string): Note[] {
  const distance = crs.areaOfUse === undefined ? 0 : distanceInDegrees(degrees, crs.areaOfUse);
  if (distance === 0) return [];
  const far = distance < 1 ? 'less than 1 degree' : `${Math.round(distance)} degrees`;
  return [
    {
      code: 'CRS_OUTSIDE_AREA_OF_USE',
      message:
        `The data is ${far} outside the area of use of ${crsLabel(crs)} (${field}). ` +
        'Shapes and distances are distorted. Choose a CRS for the area of the data.',
    },
  ];
}

/** Degrees between a box and an area of use, which can both cross the antimeridian; 0 when they touch. */
function distanceInDegrees(box: Extent, area: Extent): number {
  const distances = partsOf(box).flatMap(([west, south, east, north]) =>
    partsOf(area).map(([w, s, e, n]) => Math.max(0, w - east, west - e, s - north, south - n)),
  );
  return Math.min(...distances);
}

function extentMismatch(crs: Crs, extent: Extent, file: string, reason: string): SluiceError {
  const [x1, y1, x2, y2] = extent;
  const [west, south, east, north] = crs.areaOfUse ?? [];
  const area =
    crs.areaOfUse === undefined ? '' : ` (area of use: longitudes ${west} to ${east}, latitudes ${south} to ${north})`;
  return new SluiceError(
    'CRS_EXTENT_MISMATCH',
    `The coordinates of ${file} are between x ${x1}, y ${y1} and x ${x2}, y ${y2}. ` +
      `They cannot be in ${crsLabel(crs)}${area}: ${reason}.`,
    {
      details: {
        file,
        crs: crsLabel(crs),
        extent: extent.map((value) => (Number.isFinite(value) ? value : String(value))),
        ...(crs.areaOfUse ? { area_of_use: crs.areaOfUse } : {}),
      },
    },
  );
}

/** Transforms points to longitude and latitude with GDAL. shared/postgis/extent-in-degrees.ts does it with PostGIS. */

/** The bounding box of points in degrees; undefined when none of them can be transformed. */
export async function gdalExtentInDegrees(
  points: readonly Point[],
  crs: Crs,
  gdal: Gdal,
  signal: AbortSignal,
): Promise<Extent | undefined> {
  if (isSameCrs(crs, CRS84)) return boxInDegrees(points);
  const degrees = await transformToDegrees(points, crs, gdal, signal);
  return boxInDegrees(degrees.filter((point) => point !== undefined));
}

/** Longitude and latitude of each point; undefined for one without a position, such as the corner of a full disk. */
export async function transformToDegrees(
  points: readonly Point[],
  crs: Crs,
  gdal: Gdal,
  signal: AbortSignal,
): Promise<(Point | undefined)[]> {
  const { stdout } = await gdal.run(transformCommand(points, crsArgument(crs)), { signal });
  return parseTransformedPoints(stdout);
}

/** `crs` is a code or WKT that checkCrsText allows. Input and output have x or longitude first. */
function transformCommand(points: readonly Point[], crs: string): GdalCommand {
  return {
    command: 'gdaltransform',
    args: ['-s_srs', crs, '-t_srs', 'OGC:CRS84', '-output_xy'],
    drivers: [],
    input: points.map(([x, y]) => `${x} ${y}\n`).join(''),
  };
}

/** The points in the output of gdaltransform, one per line; undefined for a point without a position. */
export function parseTransformedPoints(stdout: string): (Point | undefined)[] {
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [x, y] = line.trim().split(/\s+/).map(Number);
      const isPosition = x !== undefined && y !== undefined && Number.isFinite(x) && Number.isFinite(y);
      return isPosition ? ([x, y] as const) : undefined;
    });
}
