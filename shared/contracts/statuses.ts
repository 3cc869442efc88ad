/** Statuses of runs, manifests and steps, and the changes that are allowed between them. */

export const STATUSES = ['running', 'success', 'failure', 'canceled'] as const;
export type Status = (typeof STATUSES)[number];

export const STEP_STATUSES = ['pending', 'running', 'done', 'failed'] as const;

/** The status changes that are allowed, of runs and of manifests; all others are refused. Ended is ended: a retry is a new run. */
export const ALLOWED_TRANSITIONS: Record<Status, readonly Status[]> = {
  running: ['success', 'failure', 'canceled'],
  success: [],
  failure: [],
  canceled: [],
};

export function isAllowed(from: Status, to: Status): boolean {
  return ALLOWED_TRANSITIONS[from].includes(to);
}
