import type { LaneOverview, RunView } from '../../../shared/api/views.ts';

export type Counts = Record<RunView['status'], number>;
const NO_RUNS: Counts = { success: 0, failure: 0, canceled: 0, running: 0 };
/** Every status, in the order of the charts. */
export const STATUS_ORDER = Object.keys(NO_RUNS) as (keyof Counts)[];
export type Hour = LaneOverview['hours'][number];

/** The runs of several hours. */
export function totalsOf(hours: Hour[]): Counts {
  const totals = { ...NO_RUNS };
  for (const hour of hours) for (const status of STATUS_ORDER) totals[status] += hour[status];
  return totals;
}

export const HOURS = 25;
const HOUR_MS = 3_600_000;

/** The hours of the period, oldest first, also those without runs. The first and the last are partial. */
export function allHours(hours: Hour[], since: string): Hour[] {
  const known = new Map(hours.map((hour) => [Date.parse(hour.hour), hour]));
  const first = Math.floor(Date.parse(since) / HOUR_MS) * HOUR_MS;
  return Array.from({ length: HOURS }, (_, index) => {
    const time = first + index * HOUR_MS;
    return known.get(time) ?? { hour: new Date(time).toISOString(), ...NO_RUNS };
  });
}
