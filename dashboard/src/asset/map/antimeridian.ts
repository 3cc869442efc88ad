import type { Position } from 'geojson';

/**
 * Lines and rings across longitude 180 without the jump between 180 and -180. MapLibre draws the jump as a line across
 * the world. It repeats what lies beyond -180 and 180 on the other side.
 */

const HALF = 180;
const WORLD = 360;
const POLE = 90;

/** The line with longitudes that differ by at most 180 degrees between neighbors. The first position is unchanged. */
export function unwrapLine(line: Position[]): Position[] {
  let shift = 0;
  return line.map(([longitude = 0, latitude = 0], index) => {
    const before = line[index - 1]?.[0] ?? longitude;
    if (longitude - before > HALF) shift -= WORLD;
    else if (longitude - before < -HALF) shift += WORLD;
    return [longitude + shift, latitude];
  });
}

/**
 * The rings of a polygon, unwrapped, with the holes at the longitudes of the outer ring. A ring around the earth (the
 * coast of Antarctica) is closed along the pole; a hole around the earth is the pole itself and is left out.
 */
export function unwrapPolygon([outer = [], ...holes]: Position[][]): Position[][] {
  const ring = closedAtPole(unwrapLine(outer));
  const middle = middleLongitude(ring);
  const inside = holes.map(unwrapLine).filter((hole) => !isAroundEarth(hole));
  return [ring, ...inside.map((hole) => moved(hole, nearestTurn(middleLongitude(hole), middle)))];
}

function isAroundEarth(ring: Position[]): boolean {
  return Math.abs((ring.at(-1)?.[0] ?? 0) - (ring[0]?.[0] ?? 0)) > HALF;
}

function closedAtPole(ring: Position[]): Position[] {
  const [first, last] = [ring[0], ring.at(-1)];
  if (first === undefined || last === undefined || !isAroundEarth(ring)) return ring;
  const pole = (first[1] ?? 0) < 0 ? -POLE : POLE;
  return [...ring, [last[0] ?? 0, pole], [first[0] ?? 0, pole], first];
}

function middleLongitude(ring: Position[]): number {
  let [west, east] = [Infinity, -Infinity];
  for (const [longitude = 0] of ring) {
    west = Math.min(west, longitude);
    east = Math.max(east, longitude);
  }
  return (west + east) / 2;
}

/** The multiple of 360 that moves a longitude as near as possible to another one. */
function nearestTurn(longitude: number, to: number): number {
  return Math.round((to - longitude) / WORLD) * WORLD;
}

function moved(ring: Position[], by: number): Position[] {
  return by === 0 ? ring : ring.map(([longitude = 0, latitude = 0]) => [longitude + by, latitude]);
}
