import { deterministicObjectId } from '#shared/events/event.ts';
import type { ActivityDocument } from './documents.ts';

export interface Activity {
  activity: ActivityDocument['activity'];
  /** An uploader, a user, or `sluice`. */
  operator: string;
  run_id?: string | null;
  batch_id?: string | null;
  message: string;
  details?: Record<string, unknown>;
}

/** Operator of actions that no person requested. */
export const SLUICE_OPERATOR = 'sluice';

/**
 * An activity at the current time. Its id depends on the activity and `cause` only, so that a repeat adds no second
 * entry.
 */
export function activityOf(
  { run_id = null, batch_id = null, details = {}, ...activity }: Activity,
  ...cause: string[]
): ActivityDocument {
  return {
    _id: deterministicObjectId('activity', activity.activity, ...cause),
    ...activity,
    run_id,
    batch_id,
    details,
    at: new Date().toISOString(),
  };
}
