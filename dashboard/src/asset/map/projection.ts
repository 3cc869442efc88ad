import proj4 from 'proj4';
import { DataError } from '../worker/data-error.ts';
import type { Box } from './covering.ts';

export type Position = [number, number];
/** `[west, south, east, north]` in degrees. The west is greater than the east across longitude 180. */
export type Bbox = [number, number, number, number];

/** Converts between the CRS of an asset and degrees (longitude, latitude). NaN outside the domain of the CRS. */
export interface Projection {
  toDegrees: (x: number, y: number) => Position;
  toNative: (longitude: number, latitude: number) => Position;
  isGeographic: boolean;
}

const DEGREES: Projection = {
  toDegrees: (x, y) => [x, y],
  toNative: (longitude, latitude) => [longitude, latitude],
  isGeographic: true,
};

interface ProjJson {
  type?: string;
  coordinate_system?: { axis?: { unit?: unknown }[] };
  datum?: { prime_meridian?: { longitude?: unknown } };
  components?: ProjJson[];
  source_crs?: ProjJson;
}

/**
 * The projection of a CRS: PROJJSON, WKT or a PROJ string; undefined for longitude and latitude. Throws DataError if
 * proj4js does not support the CRS.
 */
export function openProjection(crs: unknown): Projection {
  if (crs === undefined) return DEGREES;
  if (crs === null) throw new DataError('The file does not define its coordinate reference system.');
  const definition = horizontalPart(crs);
  if (isLongitudeLatitude(definition)) return DEGREES;
  try {
    // Coordinates of GeoParquet and of GeoTIFF are x, y whatever the order of axes in the CRS is, as for proj4js.
    const { forward, inverse } = proj4(definition as string, 'WGS84');
    const convert = (by: typeof forward) => (x: number, y: number) => {
      try {
        return by<Position>([x, y]);
      } catch {
        return [NaN, NaN] satisfies Position; // proj4js throws on coordinates that are not finite.
      }
    };
    return { toDegrees: convert(forward), toNative: convert(inverse), isGeographic: false };
  } catch (cause) {
    throw new DataError('The page cannot convert coordinates of this coordinate reference system.', { cause });
  }
}

function horizontalPart(crs: ProjJson): ProjJson {
  if (crs.type === 'CompoundCRS' && crs.components?.[0]) return horizontalPart(crs.components[0]);
  if (crs.type === 'BoundCRS' && crs.source_crs) return horizontalPart(crs.source_crs);
  return crs;
}

/** Without a conversion between datums, which moves coordinates by less than a pixel of most views. */
function isLongitudeLatitude({ type, coordinate_system, datum }: ProjJson): boolean {
  const inDegrees = coordinate_system?.axis?.every(({ unit }) => unit === 'degree') ?? false;
  return type === 'GeographicCRS' && inDegrees && (datum?.prime_meridian?.longitude ?? 0) === 0;
}

/** Degrees by which proj4js and PROJ may differ. */
const TOLERANCE_DEGREES = 0.02;

/**
 * Compares the projection with the bounding box that PROJ computed when the asset was made. Throws DataError if the
 * center of the extent is outside it: then proj4js understands the CRS in another way.
 */
export function checkProjection({ toDegrees }: Projection, extent: Box, bbox: Bbox): void {
  const [x, y] = toDegrees((extent[0] + extent[2]) / 2, (extent[1] + extent[3]) / 2);
  const [west, south, , north] = bbox;
  const east = bbox[2] < west ? bbox[2] + 360 : bbox[2];
  const margin = TOLERANCE_DEGREES + (north - south) * TOLERANCE_DEGREES;
  const isInside = [x - 360, x, x + 360].some((each) => each >= west - margin && each <= east + margin);
  if (!isInside || !(y >= south - margin && y <= north + margin))
    throw new DataError('The page cannot convert coordinates of this coordinate reference system exactly.');
}

/** Points of each side of a view that are converted, because a straight line on the map can be a curve in the CRS. */
const SAMPLES = 16;
const MAX_LATITUDE = 85.06;

/** The extents in the CRS that a view shows: two for longitudes across 180. Empty if the view is outside the CRS. */
export function nativeBoxes(projection: Projection, view: Bbox): Box[] {
  return withinLongitudes(view).flatMap((part) => {
    if (projection.isGeographic) return [part];
    const box: Box = [Infinity, Infinity, -Infinity, -Infinity];
    for (let i = 0; i <= SAMPLES; i++)
      for (let j = 0; j <= SAMPLES; j++) {
        const longitude = part[0] + ((part[2] - part[0]) * i) / SAMPLES;
        const latitude = part[1] + ((part[3] - part[1]) * j) / SAMPLES;
        const [x, y] = projection.toNative(longitude, latitude);
        if (!Number.isFinite(x) || !Number.isFinite(y)) continue;
        extend(box, x, y);
      }
    return box[0] <= box[2] ? [box] : [];
  });
}

function extend(box: Box, x: number, y: number): void {
  box[0] = Math.min(box[0], x);
  box[1] = Math.min(box[1], y);
  box[2] = Math.max(box[2], x);
  box[3] = Math.max(box[3], y);
}

/** Parts of a view with longitudes from -180 to 180. The map can show longitudes beyond that range. */
function withinLongitudes([west, south, east, north]: Bbox): Box[] {
  const [bottom, top] = [Math.max(south, -MAX_LATITUDE), Math.min(north, MAX_LATITUDE)];
  if (east - west >= 360) return [[-180, bottom, 180, top]];
  const shift = Math.floor((west + 180) / 360) * 360;
  const [first, last] = [west - shift, east - shift];
  if (last <= 180) return [[first, bottom, last, top]];
  return [
    [first, bottom, 180, top],
    [-180, bottom, last - 360, top],
  ];
}
