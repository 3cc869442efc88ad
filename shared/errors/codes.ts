import { INPUT_CODES } from './input-codes.ts';
import { OPERATION_CODES } from './operation-codes.ts';

/**
 * Every error code. Codes are stable, because clients compare them. docs/errors.md is generated from these tables
 * (`npm run generate`).
 */
export const ERROR_CODES = { ...INPUT_CODES, ...OPERATION_CODES };

export type ErrorCodeName = keyof typeof ERROR_CODES;

/** What the error ended: a run, or, with `run_id: null`, a manifest without a run. */
export interface Ended {
  run_id: string | null;
}

/**
 * The action that the user should take. With `ended`, the router does not retry any more, so the advice for a retryable
 * error also explains how to repeat the run.
 */
export function adviceFor(code: ErrorCodeName, ended?: Ended): string {
  const { action, retryable } = ERROR_CODES[code];
  if (ended === undefined) return action;
  if (ended.run_id === null) return retryable ? withRepetition(action, 'upload the manifest again.') : action;
  const advice = retryable ? withRepetition(action, 'repeat the run: `npx sluice rerun RUN`.') : action;
  return advice.replaceAll('rerun RUN', `rerun ${ended.run_id}`);
}

/** The action of a transient error, and how to repeat the work. A report of the error follows the repetition. */
function withRepetition(action: string, repetition: string): string {
  const isReport = action.startsWith('If the error persists');
  if (!isReport) return `${action} Then ${repetition}`;
  return `${repetition.charAt(0).toUpperCase()}${repetition.slice(1)} ${action}`;
}
