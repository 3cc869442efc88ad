import type { WritePoint } from './durable-writes.ts';

/** A point to be tried, with its place among all points of its batch. */
export interface Trial {
  index: number;
  point: WritePoint;
  name: string;
}

/** Share of the points at which the write may not occur: retries and timers differ from run to run. */
export const MISSED_AT_MOST = 0.2;

/** Writes by which batches differ: programs, objects of the lake, and what is registered of them. */
const OWN = /^(program|s3 \w+ data-lake|sql with claim)/;
/** Of each kind of these the first two: with several assets, the second comes while the first one stands. */
const OWN_SHOWN = 2;
/** Of all others every so-many-th, in case that a place matters and not only the kind. */
const SPREAD = 15;

/**
 * All points with SLUICE_TEST_ALL; else of each batch one of each kind that the batches before it have not shown, those
 * that are its own, and a spread of the others. Call it with the batches in turn.
 */
export function pointSampler(): (points: readonly WritePoint[]) => Trial[] {
  const shown = new Set<string>();
  return (points) =>
    points
      .map((point, index) => ({ index, point, name: `${point.name} (${point.occurrence})` }))
      .filter(({ index, point: { name, occurrence } }) => {
        const kind = kindOf(name);
        const isNew = !shown.has(kind);
        shown.add(kind);
        return (
          process.env.SLUICE_TEST_ALL !== undefined ||
          isNew ||
          (OWN.test(name) && occurrence <= OWN_SHOWN) ||
          index % SPREAD === 0
        );
      });
}

/** Statements of the queue are alike, whichever function's table they are about. */
function kindOf(name: string): string {
  const [verb = name, ofQueue] = name.split('pgboss.', 2);
  return ofQueue === undefined ? name : verb;
}
