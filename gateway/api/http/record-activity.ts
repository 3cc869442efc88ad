import { randomUUID } from 'node:crypto';
import type { Context } from 'hono';
import type { Ledger } from '#shared/ledger/ledger.ts';
import { type Activity, activityOf } from '#shared/ledger/activity.ts';
import { principalOf } from './principal.ts';
import { operatorOf } from './request-fields.ts';

interface ActivityEntry {
  activity: Activity['activity'];
  /** What the operator did, such as `removed the function join`. */
  did: string;
  details: Record<string, unknown>;
}

/**
 * Writes an action of an operator to the activity log. Call it before the action: a crash between the two can leave an
 * extra entry, but no action without an entry. Throws REQUEST_INVALID, DATABASE_UNAVAILABLE.
 */
export async function recordActivity(
  c: Context,
  ledger: Ledger,
  { activity, did, details }: ActivityEntry,
): Promise<void> {
  const operator = operatorOf(c);
  const message = `${operator} ${did}.`;
  await ledger.appendActivity(activityOf({ activity, operator, message, details }, randomUUID()));
}

/** Writes a frequent action, such as an upload, if the user has logged in. Otherwise the operator is unknown. */
export async function recordUserActivity(c: Context, ledger: Ledger, entry: ActivityEntry): Promise<void> {
  if (principalOf(c) !== undefined) await recordActivity(c, ledger, entry);
}
