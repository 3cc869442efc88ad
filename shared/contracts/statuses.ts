import type { StepName } from './lanes.ts';

/** Statuses of runs, manifests and steps, and the allowed changes between them. */

export const STATUSES = ['running', 'success', 'failure', 'canceled'] as const;
export type Status = (typeof STATUSES)[number];

/** The statuses of a run or manifest that has ended. An ended run never changes; a retry is a new run. */
export const END_STATUSES = ['success', 'failure', 'canceled'] as const satisfies readonly Status[];
export type EndStatus = (typeof END_STATUSES)[number];

/** The end statuses of a run that produced no asset. */
export const UNSUCCESSFUL_STATUSES = ['failure', 'canceled'] as const satisfies readonly EndStatus[];
export type UnsuccessfulStatus = (typeof UNSUCCESSFUL_STATUSES)[number];

export const STEP_STATUSES = ['pending', 'running', 'done', 'failed'] as const;
export type StepStatus = (typeof STEP_STATUSES)[number];

/** The allowed status changes of runs and manifests. */
export const ALLOWED_TRANSITIONS: Record<Status, readonly Status[]> = {
  running: END_STATUSES,
  success: [],
  failure: [],
  canceled: [],
};

export function isAllowed(from: Status, to: Status): boolean {
  return ALLOWED_TRANSITIONS[from].includes(to);
}

/** The statuses that may change to `status`. */
export function statusesBefore(status: Status): Status[] {
  return STATUSES.filter((from) => isAllowed(from, status));
}

/** Identifies a claim. Every write of a step contains it. */
export interface ClaimRef {
  runId: string;
  step: StepName;
  token: number;
}
