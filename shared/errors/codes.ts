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
  if (ended.run_id === null) return retryable ? `${action} Then upload the manifest again.` : action;
  const advice = retryable ? withRerun(action) : action;
  return advice.replaceAll('rerun RUN', `rerun ${ended.run_id}`);
}

/** The action of a transient error, and the command that repeats the run. A report follows the repetition. */
function withRerun(action: string): string {
  const isReport = action.startsWith('If the error persists');
  return isReport
    ? `Repeat the run: \`npx sluice rerun RUN\`. ${action}`
    : `${action} Then repeat the run: \`npx sluice rerun RUN\`.`;
}
