import type { StepName } from './lanes.ts';

/** Identifies a claim. Every write of a step contains it. */
export interface ClaimRef {
  runId: string;
  step: StepName;
  token: number;
}
