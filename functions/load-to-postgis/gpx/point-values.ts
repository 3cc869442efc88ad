import type { Note } from '#shared/contracts/shared-schemas.ts';
import type { Layer } from '#shared/gdal/layers.ts';
import { readChunks } from '#shared/streams/file-streams.ts';
import type { VectorSource } from '../vector-source.ts';

/**
 * Reads what the points of routes and tracks have. A layer of lines holds the elevations of its points as Z when all of
 * them have one: GDAL writes 0 for a missing one. It does not hold their times and other values.
 */

/** Longer text between two tags is not an elevation. */
const MAX_REST_CHARACTERS = 2 ** 16;
/** The elements of the points of a layer, and the layer that holds these points. */
const POINTS: Record<string, { element: string; layer: string } | undefined> = {
  routes: { element: 'rtept', layer: 'route_points' },
  tracks: { element: 'trkpt', layer: 'track_points' },
};
const NUMBER = /^\s*[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?\s*$/i;
const TAG =
  /<(\/?)(?:[\w.-]+:)?(wpt|rtept|trkpt|ele|time|magvar|geoidheight|name|cmt|desc|src|link|sym|type|fix|sat|[hvp]dop|ageofdgpsdata|dgpsid|course|speed|extensions)(?:\s[^<>]*)?>([^<]*)(?=<)/g;

interface PointCounts {
  points: number;
  withElevation: number;
  withOthers: number;
}

export interface PointValues {
  hasElevations: boolean;
  notes: Note[];
}

/** Reads the values of points. Undefined for layers other than routes and tracks. */
export async function readPointValues(
  { path, file }: VectorSource,
  { name }: Layer,
  signal: AbortSignal,
): Promise<PointValues | undefined> {
  const kind = POINTS[name];
  if (kind === undefined) return undefined;
  const chunks = readChunks(path, { signal });
  const { points, withElevation, withOthers } = await countValues(chunks, kind.element);
  const hasElevations = points > 0 && withElevation === points;
  const advice = `Set \`layer\` to ${kind.layer} to load them.`;
  const note = (message: string): Note => ({ code: 'VALUES_MISSING', file, message: `${message} ${advice}` });
  return {
    hasElevations,
    notes: [
      ...(hasElevations || withElevation === 0
        ? []
        : [note(`Elevations of ${withElevation} of ${points} points were left out, because other points have none.`)]),
      ...(withOthers === 0
        ? []
        : [note(`${withOthers} points of ${name} have times or other values, which were left out.`)]),
    ],
  };
}

export async function countValues(chunks: AsyncIterable<Buffer>, element: string): Promise<PointCounts> {
  const counts: PointCounts = { points: 0, withElevation: 0, withOthers: 0 };
  let rest = '';
  let [isInside, hasElevation, hasOthers] = [false, false, false];
  for await (const chunk of chunks) {
    const text = rest + chunk.toString('latin1');
    for (const [, slash, tag = '', value = ''] of text.matchAll(TAG)) {
      if (tag === element) {
        isInside = slash === '';
        if (isInside) counts.points++;
        [hasElevation, hasOthers] = [false, false];
      } else if (!isInside || slash !== '') continue;
      else if (tag !== 'ele') {
        if (!hasOthers) counts.withOthers++;
        hasOthers = true;
      } else if (!hasElevation && NUMBER.test(value)) {
        counts.withElevation++;
        hasElevation = true;
      }
    }
    const last = text.lastIndexOf('<');
    rest = last < 0 || text.length - last > MAX_REST_CHARACTERS ? '' : text.slice(last);
  }
  return counts;
}
