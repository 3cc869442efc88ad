import type { SluiceEvent } from '#shared/events/event.ts';

export interface InvokeOptions {
  /** Aborts the call. An aborted step is repeated; its claim prevents duplicate results. */
  signal: AbortSignal;
  /** Id of an asynchronous call; sent as `X-Call-Id`. */
  callId?: string;
}

/** Executes functions. The router and the gateway call functions through this port only. */
export interface FunctionHost {
  /** Calls a function with an event and returns its reply. Throws FUNCTION_NOT_FOUND and the errors of the function. */
  invoke(name: string, event: SluiceEvent, options: InvokeOptions): Promise<SluiceEvent | undefined>;
}
