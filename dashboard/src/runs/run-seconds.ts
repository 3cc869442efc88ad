import type { RunView } from '../../../shared/api/views.ts';

/** Seconds from creation to end; null for a running run. */
export function secondsOf({ created_at, finished_at }: RunView): number | null {
  return finished_at === null ? null : (Date.parse(finished_at) - Date.parse(created_at)) / 1000;
}
