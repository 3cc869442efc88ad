import type { StepName } from './lanes.ts';

/** What every write of a step names. */
export interface ClaimRef {
  runId: string;
  step: StepName;
  token: number;
}
