import { ERROR_CODES, type ErrorCodeName } from './codes.ts';

/** What an error has ended for good: a run, or (without an id) a manifest that started none. */
export interface Ended {
  run_id: string | null;
}

/** What a person does now about an error. Of what has ended nothing is tried again, so the advice says how to repeat it. */
export function adviceFor(code: ErrorCodeName, ended?: Ended): string {
  const { action, retryable } = ERROR_CODES[code];
  if (ended === undefined) return action;
  const { run_id } = ended;
  if (run_id === null) return retryable ? `${action} Then upload the manifest again.` : action;
  return (retryable ? `${action} Then repeat the run: \`npx sluice rerun RUN\`.` : action).replaceAll(
    'rerun RUN',
    `rerun ${run_id}`,
  );
}
