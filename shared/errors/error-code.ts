/** The meaning of an error code, and the action that the user should take. In an action, RUN is the id of the run. */
export interface ErrorCode {
  /** True if the router retries the delivery after this error. */
  retryable: boolean;
  meaning: string;
  action: string;
}

export const permanent = (meaning: string, action: string): ErrorCode => ({ retryable: false, meaning, action });
export const transient = (meaning: string, action: string): ErrorCode => ({ retryable: true, meaning, action });
