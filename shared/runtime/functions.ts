import { existsSync } from 'node:fs';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { Handler, WarmUp } from './context.ts';

/** A DNS label: no dots, slashes or escapes, so that a name from a request can't leave the folder of functions. */
const SAFE_NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const FUNCTIONS = new URL('../../functions/', import.meta.url);

/** The handler of a function: `handler` of `functions/<name>/handler.ts`. Throws FUNCTION_NOT_FOUND. */
export async function loadHandler(name: string): Promise<Handler> {
  const { handler } = await loadModule(name);
  if (typeof handler === 'function') return handler;
  throw new SluiceError('FUNCTION_NOT_FOUND', `functions/${name}/handler.ts exports no \`handler\`.`);
}

/** Loads a function, and what it uses at its first event. Throws FUNCTION_NOT_FOUND, and what its `warmUp` throws. */
export async function warmUpFunction(name: string, context: Parameters<WarmUp>[0]): Promise<void> {
  const { warmUp } = await loadModule(name);
  await warmUp?.(context);
}

async function loadModule(name: string): Promise<{ handler?: Handler; warmUp?: WarmUp }> {
  const file = new URL(`${name}/handler.ts`, FUNCTIONS);
  if (!SAFE_NAME.test(name) || !existsSync(file))
    throw new SluiceError('FUNCTION_NOT_FOUND', `There is no function named ${JSON.stringify(name)}.`);
  return (await import(file.href)) as { handler?: Handler; warmUp?: WarmUp };
}
