import { type Extent, type Point } from '#shared/contracts/extent.ts';
import { type Crs, CRS84, isSameCrs } from '#shared/gdal/crs/crs.ts';
import { transformToDegrees } from '#shared/gdal/crs/check-extent.ts';
import type { RasterContext } from '../run-gdal.ts';

/**
 * The bounding box of a north-up raster in degrees. The sides of a raster in a projected CRS are curves in degrees, and
 * a part of the raster can have no position, such as the corners of the full disk of a satellite. So the box is found
 * with points on a grid, then with finer grids around the points that decide its sides, until it changes by less than a
 * pixel.
 */

/** Points on each side of the first grid. */
const FIRST_POINTS = 41;
/** Points of a strip, and its half width in steps of the grid before. A side at the edge of a disk can be anywhere. */
const STRIP_LENGTH = 61;
const PARTIAL_STRIP_LENGTH = 301;
const STRIP_WIDTH = 13;
const STRIP_STEPS = 2;
/** Each round divides the steps by 3, so 10 rounds divide a million pixels. */
const MAX_ROUNDS = 10;
/** Latitudes closer to 90 are the pole. */
const POLE_LATITUDE = 90 - 1e-9;

type Degrees = Point | undefined;
type Transform = (points: readonly Point[]) => Promise<Degrees[]>;

export async function boundsInDegrees(
  native: Extent,
  size: readonly [number, number],
  crs: Crs,
  { gdal, signal }: RasterContext,
): Promise<Extent | null> {
  const transform: Transform = (points) =>
    isSameCrs(crs, CRS84) ? Promise.resolve([...points]) : transformToDegrees(points, crs, gdal, signal);
  return findBounds(native, size, transform, crs.kind === 'geographic');
}

/**
 * `transform` returns undefined for a point without a position. Null when no point has one. In a geographic CRS, a
 * raster up to a pole has the longitudes of its sides.
 */
export async function findBounds(
  native: Extent,
  size: readonly [number, number],
  transform: Transform,
  isGeographic = false,
): Promise<Extent | null> {
  const points = grid(native, FIRST_POINTS, FIRST_POINTS);
  const degrees = unwrap(await transform(points), FIRST_POINTS);
  const first = sidesOf(points, degrees.positions);
  if (first === undefined) return null;
  const [width, height] = [native[2] - native[0], native[3] - native[1]];
  const step: [number, number] = [width / (FIRST_POINTS - 1), height / (FIRST_POINTS - 1)];
  const sides = await refine(
    first,
    { native, step, size, isPartial: degrees.positions.includes(undefined) },
    transform,
  );
  return toBox(sides, isGeographic ? [] : degrees.poles);
}

/** A grid of points over an extent, row by row from the upper left corner. */
function grid([xmin, ymin, xmax, ymax]: Extent, columns: number, rows: number): Point[] {
  const at = (from: number, to: number, index: number, count: number) =>
    index === count - 1 ? to : from + ((to - from) * index) / (count - 1);
  return Array.from({ length: columns * rows }, (_, index) => [
    at(xmin, xmax, index % columns, columns),
    at(ymax, ymin, Math.floor(index / columns), rows),
  ]);
}

/** The difference of two longitudes, from -180 to 180. */
function difference(from: number, to: number): number {
  const turns = (to - from) / 360;
  return (turns - Math.round(turns)) * 360;
}

/**
 * Makes longitudes continuous from point to point, so that a raster across the antimeridian has no jump of 360 degrees.
 * A cell around which the longitudes make a full turn contains a pole.
 */
function unwrap(degrees: readonly Degrees[], count: number): { positions: Degrees[]; poles: number[] } {
  const positions: Degrees[] = Array.from({ length: degrees.length }, () => undefined);
  for (const [start, seed] of degrees.entries()) {
    if (seed === undefined || positions[start] !== undefined) continue;
    positions[start] = seed;
    const queue = [start];
    for (let index = queue.pop(); index !== undefined; index = queue.pop()) {
      const from = positions[index];
      for (const next of neighbors(index, count)) {
        const to = degrees[next];
        if (from === undefined || to === undefined || positions[next] !== undefined) continue;
        positions[next] = [from[0] + difference(from[0], to[0]), to[1]];
        queue.push(next);
      }
    }
  }
  return { positions, poles: polesIn(degrees, count) };
}

function neighbors(index: number, count: number): number[] {
  const column = index % count;
  return [
    ...(column > 0 ? [index - 1] : []),
    ...(column < count - 1 ? [index + 1] : []),
    ...(index >= count ? [index - count] : []),
    ...(index < count * (count - 1) ? [index + count] : []),
  ];
}

/** The latitudes, 90 or -90, of the poles in the grid: in a cell, or at a point that is not on the border. */
function polesIn(degrees: readonly Degrees[], count: number): number[] {
  const poles = new Set<number>();
  for (const [index, point] of degrees.entries()) {
    if (point === undefined) continue;
    const isBorder = neighbors(index, count).length < 4;
    if (isPole(point) && !isBorder) poles.add(Math.sign(point[1]) * 90);
    if (index % count === count - 1 || index >= count * (count - 1)) continue;
    const corners = [index, index + 1, index + count + 1, index + count].map((corner) => degrees[corner]);
    const turn = corners.reduce((sum, corner, at) => {
      const next = corners[(at + 1) % corners.length];
      return corner === undefined || next === undefined ? Number.NaN : sum + difference(corner[0], next[0]);
    }, 0);
    if (Math.abs(turn) > 180) poles.add(Math.sign(point[1]) * 90);
  }
  return [...poles];
}

/** A point of the raster that decides a side of the box, with its continuous longitude and its latitude. */
interface Side {
  at: Point;
  degrees: Point;
}
type Sides = [west: Side, south: Side, east: Side, north: Side];

/** How far a point extends a side: larger is farther. */
const REACH: ((degrees: Point) => number)[] = [([x]) => -x, ([, y]) => -y, ([x]) => x, ([, y]) => y];

function isPole([, latitude]: Point): boolean {
  return Math.abs(latitude) >= POLE_LATITUDE;
}

function sidesOf(points: readonly Point[], degrees: readonly Degrees[]): Sides | undefined {
  const placed = points.flatMap((at, index): Side[] => {
    const position = degrees[index];
    return position === undefined ? [] : [{ at, degrees: position }];
  });
  // A pole has no longitude.
  const elsewhere = placed.filter((side) => !isPole(side.degrees));
  const withLongitude = elsewhere.length === 0 ? placed : elsewhere;
  const [seed, other] = [placed[0], withLongitude[0]];
  if (seed === undefined || other === undefined) return undefined;
  const farthest = (sides: Side[], first: Side, reach: (degrees: Point) => number) =>
    sides.reduce((best, side) => (reach(side.degrees) > reach(best.degrees) ? side : best), first);
  return REACH.map((reach, index) =>
    index % 2 === 0 ? farthest(withLongitude, other, reach) : farthest(placed, seed, reach),
  ) as Sides;
}

interface Scale {
  native: Extent;
  /** The distance of the points, in units of the CRS. */
  step: [number, number];
  /** Columns and rows of the raster. */
  size: readonly [number, number];
  /** True when some points have no position. */
  isPartial: boolean;
}

/**
 * Moves each side with finer grids in a strip along the raster, until all of them move by less than a pixel. Near the
 * edge of a disk (`isPartial`), a pixel has many degrees, so the grids become as fine as the pixels.
 */
async function refine(
  first: Sides,
  { native, step: start, size: rasterSize, isPartial }: Scale,
  transform: Transform,
): Promise<Sides> {
  const pixel = [(native[2] - native[0]) / rasterSize[0], (native[3] - native[1]) / rasterSize[1]] as const;
  const length = isPartial ? PARTIAL_STRIP_LENGTH : STRIP_LENGTH;
  let sides = first;
  let step = start;
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const strips = sides.map((side, index) => strip(side.at, index, { step, native, length }));
    const degrees = await transform(strips.flat());
    const before = sides;
    let from = 0;
    sides = sides.map((side, index) => {
      const points = strips[index] ?? [];
      const found = degrees
        .slice(from, (from += points.length))
        .map((point): Degrees => point && nearLongitude(point, side));
      return sidesOf([side.at, ...points], [side.degrees, ...found])?.[index] ?? side;
    }) as Sides;
    step = [(2 * STRIP_STEPS * step[0]) / (STRIP_WIDTH - 1), (2 * STRIP_STEPS * step[1]) / (STRIP_WIDTH - 1)];
    const isFine = isPartial ? step[0] < pixel[0] / 2 && step[1] < pixel[1] / 2 : !moved(before, sides, rasterSize);
    if (isFine) break;
  }
  return sides;
}

function nearLongitude([longitude, latitude]: Point, { degrees }: Side): Point {
  return [degrees[0] + difference(degrees[0], longitude), latitude];
}

/** Points around a side: for west and east, a strip of the whole height, for south and north, of the whole width. */
function strip(
  [x, y]: Point,
  index: number,
  { step: [dx, dy], native, length }: { step: [number, number]; native: Extent; length: number },
): Point[] {
  const [xmin, ymin, xmax, ymax] = native;
  const [halfWidth, halfHeight] = [STRIP_STEPS * dx, STRIP_STEPS * dy];
  return index % 2 === 0
    ? grid([Math.max(xmin, x - halfWidth), ymin, Math.min(xmax, x + halfWidth), ymax], STRIP_WIDTH, length)
    : grid([xmin, Math.max(ymin, y - halfHeight), xmax, Math.min(ymax, y + halfHeight)], length, STRIP_WIDTH);
}

/** True when a side moved by a pixel or more. */
function moved(before: Sides, after: Sides, [columns, rows]: readonly [number, number]): boolean {
  const [west, south, east, north] = after;
  const pixel = [(east.degrees[0] - west.degrees[0]) / columns, (north.degrees[1] - south.degrees[1]) / rows] as const;
  const axis = (side: Side, index: number) => side.degrees[index % 2] ?? 0;
  return after.some((side, index) => {
    const earlier = before[index] ?? side;
    return Math.abs(axis(side, index) - axis(earlier, index)) > (pixel[index % 2] ?? 0);
  });
}

/** West is greater than east for a box across the antimeridian (RFC 7946, 5.2). A pole has all longitudes. */
function toBox([westSide, southSide, eastSide, northSide]: Sides, poles: readonly number[]): Extent {
  const south = poles.includes(-90) ? -90 : Math.max(-90, southSide.degrees[1]);
  const north = poles.includes(90) ? 90 : Math.min(90, northSide.degrees[1]);
  const [west, east] = [westSide.degrees[0], eastSide.degrees[0]];
  if (poles.length > 0 || east - west >= 360) return [-180, south, 180, north];
  const shift = west < -180 || west >= 180 ? Math.floor((west + 180) / 360) * 360 : 0;
  return [west - shift, south, east - shift > 180 ? east - shift - 360 : east - shift, north];
}
