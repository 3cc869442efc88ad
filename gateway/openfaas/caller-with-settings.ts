import type { FunctionCaller } from '#shared/runtime/function-caller.ts';

/** A caller that passes the settings of the function with each call. */
export function callerWithSettings(
  caller: FunctionCaller,
  settingsOf: (functionName: string) => Readonly<Record<string, string>> | undefined,
): FunctionCaller {
  return {
    invoke: (name, event, options) => {
      const settings = settingsOf(name);
      return caller.invoke(name, event, settings === undefined ? options : { ...options, settings });
    },
  };
}
