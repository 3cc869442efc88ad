import { existsSync } from 'node:fs';
import { FUNCTION_NAME } from '#shared/config/stack.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { Handler, WarmUp } from './context.ts';

const FUNCTIONS = new URL('../../functions/', import.meta.url);

/** The handler of a function: `handler` of `functions/<name>/handler.ts`. Throws FUNCTION_NOT_FOUND. */
export async function loadHandler(name: string): Promise<Handler> {
  const { handler } = await loadModule(name);
  if (typeof handler === 'function') return handler;
  throw new SluiceError('FUNCTION_NOT_FOUND', `functions/${name}/handler.ts exports no \`handler\`.`);
}

/** Loads a function and executes its `warmUp`. Throws FUNCTION_NOT_FOUND and the errors of `warmUp`. */
export async function warmUpFunction(name: string, context: Parameters<WarmUp>[0]): Promise<void> {
  const { warmUp } = await loadModule(name);
  await warmUp?.(context);
}

async function loadModule(name: string): Promise<{ handler?: Handler; warmUp?: WarmUp }> {
  const file = new URL(`${name}/handler.ts`, FUNCTIONS);
  // A valid name contains no dots, slashes or escapes, so a name from a request cannot leave the folder of functions.
  if (!FUNCTION_NAME.test(name) || !existsSync(file))
    throw new SluiceError('FUNCTION_NOT_FOUND', `There is no function named ${JSON.stringify(name)}.`);
  return (await import(file.href)) as { handler?: Handler; warmUp?: WarmUp };
}
