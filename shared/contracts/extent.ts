/** Extents and points, in units of any CRS. The first coordinate is x, easting or longitude. */

/** A range of coordinates, as [xmin, ymin, xmax, ymax]. */
export type Extent = [number, number, number, number];
export type Point = readonly [x: number, y: number];

/** A straight side in a projected CRS is a curve in degrees, so the corners alone are not sufficient. */
const POINTS_PER_SIDE = 21;

/**
 * A grid of points over a rectangle, including its sides. `pointAt` returns the point at fractions of width and height
 * (0 to 1), counted from the first corner.
 */
export function gridPoints(pointAt: (across: number, down: number) => Point): Point[] {
  const fractions = Array.from({ length: POINTS_PER_SIDE }, (_, index) => index / (POINTS_PER_SIDE - 1));
  return fractions.flatMap((down) => fractions.map((across) => pointAt(across, down)));
}

/** A grid of points over an extent, from the upper left corner. A pole inside the extent is near one of them. */
export function gridOfExtent([xmin, ymin, xmax, ymax]: Extent): Point[] {
  return gridPoints((across, down) => [xmin + (xmax - xmin) * across, ymax + (ymin - ymax) * down]);
}

/** The extent of points; undefined without points. */
export function extentOfPoints(points: readonly Point[]): Extent | undefined {
  if (points.length === 0) return undefined;
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

/**
 * The bounding box of points in degrees; undefined without points. Longitudes between 180 and 360 are shifted by 360. A
 * box across the antimeridian spans all longitudes, because its west would otherwise be greater than its east.
 */
export function boxInDegrees(points: readonly Point[]): Extent | undefined {
  const extent = extentOfPoints(points);
  if (extent === undefined) return undefined;
  const [west, east] = normalizeLongitudes(extent[0], extent[2]);
  return [west, Math.max(extent[1], -90), east, Math.min(extent[3], 90)];
}

function normalizeLongitudes(west: number, east: number): [number, number] {
  if (west >= -180 && east <= 180) return [west, east];
  const shift = west >= 180 ? -360 : east <= -180 ? 360 : 0;
  return shift !== 0 && west + shift >= -180 && east + shift <= 180 ? [west + shift, east + shift] : [-180, 180];
}

/** A box in degrees, divided at the antimeridian if its west is greater than its east (RFC 7946, 5.2). */
export function partsOf(box: Extent): Extent[] {
  const [west, south, east, north] = box;
  if (west <= east) return [box];
  return [
    [west, south, 180, north],
    [-180, south, east, north],
  ];
}

/** The smallest box of several, which crosses the antimeridian only if one of them does. Undefined without boxes. */
export function unionOfBoxes(boxes: readonly Extent[]): Extent | undefined {
  const corners = boxes.flatMap(([west, south, east, north]): Point[] => [
    [west, south],
    [east, north],
  ]);
  const extent = extentOfPoints(corners);
  if (extent === undefined || boxes.every(([west, , east]) => west <= east)) return extent;
  const parts = boxes.flatMap(partsOf).sort(([a], [b]) => a - b);
  let gap = { west: 0, east: 0 };
  let reached = -180;
  for (const [west, , east] of parts) {
    if (west - reached > gap.east - gap.west) gap = { west: reached, east: west };
    reached = Math.max(reached, east);
  }
  return gap.west === gap.east ? [-180, extent[1], 180, extent[3]] : [gap.east, extent[1], gap.west, extent[3]];
}
