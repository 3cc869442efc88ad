import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';

export interface InvokeOptions {
  /** Aborts the call. An aborted step is repeated; its claim prevents duplicate results. */
  signal: AbortSignal;
  /** Id of an asynchronous call; sent as `X-Call-Id`. */
  callId?: string;
  /** The span of the caller (W3C Trace Context); sent as `traceparent`. By default that of the event. */
  traceparent?: string | undefined;
  /**
   * Calls the function in a process in which no other call runs. Set for an event whose earlier call ended with the
   * process. Callers that do not start processes ignore it.
   */
  alone?: boolean;
  /**
   * Variables of the environment that this function has with values of its own, see withSettings. Only callers that
   * execute functions, and processes that the gateway started, apply them: a container has its own environment.
   */
  settings?: Readonly<Record<string, string>>;
}

/** The header with `settings` of a call over a Unix socket: JSON in percent-encoding. */
export const SETTINGS_HEADER = 'x-sluice-settings';

/** The value of SETTINGS_HEADER, in ASCII. */
export function encodeSettings(settings: Readonly<Record<string, string>>): string {
  return encodeURIComponent(JSON.stringify(settings));
}

/** Why the process of a function ended during a call. */
export type DeathReason = 'exited' | 'frozen' | 'memory';

/** The process of a function ended during a call. The call may be repeated. */
export class WorkerDeath extends SluiceError {
  readonly functionName: string;
  readonly reason: DeathReason;
  /** Completes the sentence "The process ended during the call: …". */
  readonly description: string;

  constructor(functionName: string, reason: DeathReason, description: string) {
    super('FUNCTION_UNAVAILABLE', `The process of ${functionName} ended during the call: ${description}.`, {
      details: { function: functionName, reason },
    });
    this.functionName = functionName;
    this.reason = reason;
    this.description = description;
  }
}

/** Calls functions. The router and the gateway use this interface only. */
export interface FunctionCaller {
  /** Calls a function with an event and returns its reply. Throws FUNCTION_NOT_FOUND and the errors of the function. */
  invoke(name: string, event: SluiceEvent, options: InvokeOptions): Promise<SluiceEvent | undefined>;
}
