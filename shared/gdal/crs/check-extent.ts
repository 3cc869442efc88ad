import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { Note } from '#shared/contracts/facts.ts';
import { crsLabel } from './crs.ts';
import type { Crs } from './wkt.ts';

/** Do coordinates fit the CRS that they are said to be in? */

/** [xmin, ymin, xmax, ymax] in units of the CRS. */
export type Extent = [number, number, number, number];

/** Rounding at the poles and the antimeridian; about 10 m. */
const TOLERANCE_DEGREES = 0.0001;
/** Some data counts longitudes from 0 to 360. */
const FARTHEST_LONGITUDE = 360;
/** Data of a neighboring zone or a sea area lies a few degrees outside of the area of use; this is a third of a continent away. */
const FAR_DEGREES = 15;

/**
 * Notes about coordinates that are odd for their CRS. `onEarth` gives the extent in degrees, or undefined when it cannot be transformed.
 * Throws CRS_EXTENT_MISMATCH when they cannot be in it: outside of the globe, degrees in a projected CRS, or wholly more than 15 degrees
 * away from the CRS's area of use.
 */
export async function checkExtentInCrs(
  crs: Crs,
  extent: Extent,
  file: string,
  onEarth: () => Promise<Extent | undefined>,
): Promise<Note[]> {
  if (crs.kind === 'geocentric') return [];
  if (!extent.every(Number.isFinite)) throw mismatch(crs, extent, file, 'they are not finite numbers');
  if (crs.kind === 'geographic') return geographicNotes(crs, extent, file);
  if (looksLikeDegrees(crs, extent)) throw mismatch(crs, extent, file, 'they look like degrees');
  const degrees = await onEarth();
  if (degrees === undefined) throw mismatch(crs, extent, file, 'they cannot be transformed to longitude and latitude');
  return areaNotes(crs, extent, degrees, file);
}

/** The rule for longitudes and latitudes, in whatever unit of angle. */
export function geographicNotes(crs: Crs, extent: Extent, file: string): Note[] {
  const [west, south, east, north] = extent.map((value) => value * crs.degreesPerUnit) as Extent;
  if (Math.max(Math.abs(south), Math.abs(north)) > 90 + TOLERANCE_DEGREES)
    throw mismatch(crs, extent, file, 'latitudes end at 90 degrees');
  if (Math.max(Math.abs(west), Math.abs(east)) > FARTHEST_LONGITUDE + TOLERANCE_DEGREES)
    throw mismatch(crs, extent, file, 'longitudes end at 180 degrees (360, when they count from 0)');
  if (Math.max(Math.abs(west), Math.abs(east)) <= 180 + TOLERANCE_DEGREES) return [];
  return [
    {
      code: 'LONGITUDE_BEYOND_180',
      file,
      message: `Longitudes of ${file} reach from ${west} to ${east} degrees; they were kept as they are.`,
    },
  ];
}

/** A projected CRS with a code has its origin far from data that is this small: 180 by 90 meters. A single point at 0, 0 is a common stand-in for "none". */
export function looksLikeDegrees(crs: Crs, [x1, y1, x2, y2]: Extent): boolean {
  const isOrigin = x1 === 0 && y1 === 0 && x2 === 0 && y2 === 0;
  return (
    crs.authority !== undefined &&
    !isOrigin &&
    Math.max(Math.abs(x1), Math.abs(x2)) <= 180 &&
    Math.max(Math.abs(y1), Math.abs(y2)) <= 90
  );
}

/** The rule for a projected CRS, by where its coordinates lie on Earth. */
export function areaNotes(crs: Crs, extent: Extent, onEarth: Extent, file: string): Note[] {
  if (crs.areaOfUse === undefined) return [];
  const distance = distanceFromArea(onEarth, crs.areaOfUse);
  if (distance > FAR_DEGREES)
    throw mismatch(crs, extent, file, `that is ${Math.round(distance)} degrees away from where this CRS is used`);
  if (distance === 0) return [];
  return [
    {
      code: 'CRS_OUTSIDE_AREA_OF_USE',
      file,
      message: `The coordinates lie outside of the area that ${crsLabel(crs)} is made for; distances may be distorted.`,
    },
  ];
}

/** The rule for a CRS to which data is transformed that lies on Earth there: it is done, however far that is. `field` asked for it. */
export function targetNotes(crs: Crs, onEarth: Extent, field: string): Note[] {
  const distance = crs.areaOfUse === undefined ? 0 : distanceFromArea(onEarth, crs.areaOfUse);
  if (distance === 0) return [];
  return [
    {
      code: 'CRS_OUTSIDE_AREA_OF_USE',
      message: `The data lies ${distance < 1 ? 'less than 1 degree' : `${Math.round(distance)} degrees`} outside of the area that ${crsLabel(crs)} (${field}) is made for; shapes and distances are distorted. Choose a CRS that is made for it.`,
    },
  ];
}

/** Degrees between two boxes; 0 when they touch. */
function distanceFromArea(
  [west, south, east, north]: Extent,
  [areaWest, areaSouth, areaEast, areaNorth]: Extent,
): number {
  const areas: Extent[] =
    areaWest <= areaEast
      ? [[areaWest, areaSouth, areaEast, areaNorth]]
      : [
          [areaWest, areaSouth, 180, areaNorth],
          [-180, areaSouth, areaEast, areaNorth],
        ];
  return Math.min(...areas.map(([w, s, e, n]) => Math.max(0, w - east, west - e, s - north, south - n)));
}

function mismatch(crs: Crs, extent: Extent, file: string, why: string): SluiceError {
  const [x1, y1, x2, y2] = extent;
  const area =
    crs.areaOfUse === undefined
      ? ''
      : ` (used between longitudes ${crs.areaOfUse[0]} and ${crs.areaOfUse[2]}, latitudes ${crs.areaOfUse[1]} and ${crs.areaOfUse[3]})`;
  return new SluiceError(
    'CRS_EXTENT_MISMATCH',
    `The coordinates of ${file} reach from x ${x1}, y ${y1} to x ${x2}, y ${y2}; they cannot be in ${crsLabel(crs)}${area}: ${why}. Correct the CRS of the file, or \`crs\` in the manifest.`,
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
