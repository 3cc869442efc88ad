import type { WritePoint } from './durable-writes.ts';

/** A selected write. `index` is its position among all writes of the batch. */
export interface Trial {
  index: number;
  point: WritePoint;
  name: string;
}

/** Largest accepted share of selected writes that do not occur. Retries and timers differ between runs. */
export const MAX_MISSED_SHARE = 0.2;

/** Writes that differ between batches: programs, objects of the lake, and their registration. */
const SPECIFIC = /^(program|s3 \w+ data-lake|sql with claim)/;
/** Of each specific kind, the first two are selected: with several assets, the first exists during the second write. */
const SPECIFIC_PER_KIND = 2;
/** Every n-th write is selected regardless of its kind, to cover different positions in the run. */
const EVERY_NTH = 15;

/** The statements of pg-boss that deliver events. It executes all others for its maintenance, at any time. */
const DELIVERS = /^sql with (ins|next|results) as/i;
/** The router also fetches by a timer, so that a fetch at a position in the run may not occur in another run. */
const FETCHES = /^sql with next as/i;

/**
 * Selects writes of a batch: all of them with SLUICE_TEST_ALL. By default, it selects kinds that no earlier batch has,
 * the specific writes of the batch, and every n-th write. Call the returned function once for each batch, in order.
 */
export function pointSampler(): (points: readonly WritePoint[]) => Trial[] {
  const seen = new Set<string>();
  return (points) =>
    points
      .map((point, index) => ({ index, point, name: `${point.name} (${point.occurrence})` }))
      .filter(({ index, point: { name, occurrence } }) => {
        const kind = kindOf(name);
        const isNew = !seen.has(kind);
        seen.add(kind);
        if (process.env.SLUICE_TEST_ALL !== undefined) return true;
        if (name.includes('pgboss.') && !DELIVERS.test(name)) return false;
        return (
          isNew ||
          (SPECIFIC.test(name) && occurrence <= SPECIFIC_PER_KIND) ||
          (index % EVERY_NTH === 0 && !FETCHES.test(name))
        );
      });
}

/** Statements of the queue differ in the table only, so the table is removed. */
function kindOf(name: string): string {
  const [verb = name, ofQueue] = name.split('pgboss.', 2);
  return ofQueue === undefined ? name : verb;
}
