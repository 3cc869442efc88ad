import type { SluiceEvent } from '#shared/events/event.ts';

export interface InvokeOptions {
  /** Ends the call. The function may be in the middle of its work: it is called again, and its claim keeps it right. */
  signal: AbortSignal;
  /** Id of an asynchronous call, passed on as `X-Call-Id`. */
  callId?: string;
}

/** Where functions run. The router and the gateway call them through this port only. */
export interface FunctionHost {
  /** Calls a function with an event and returns its reply event, if any. Throws SluiceError; FUNCTION_NOT_FOUND when there is no such function. */
  invoke(name: string, event: SluiceEvent, options: InvokeOptions): Promise<SluiceEvent | undefined>;
}
