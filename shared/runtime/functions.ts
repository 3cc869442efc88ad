import { existsSync } from 'node:fs';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { Handler } from './context.ts';

/** A DNS label: no dots, slashes or escapes, so that a name from a request can't leave the folder of functions. */
const SAFE_NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const FUNCTIONS = new URL('../../functions/', import.meta.url);

/** The handler of a function: `handler` of `functions/<name>/handler.ts`. Throws FUNCTION_NOT_FOUND. */
export async function loadHandler(name: string): Promise<Handler> {
  const file = new URL(`${name}/handler.ts`, FUNCTIONS);
  if (!SAFE_NAME.test(name) || !existsSync(file)) throw new SluiceError('FUNCTION_NOT_FOUND', `There is no function named ${JSON.stringify(name)}.`);
  const loaded = (await import(file.href)) as { handler?: Handler };
  if (typeof loaded.handler === 'function') return loaded.handler;
  throw new SluiceError('FUNCTION_NOT_FOUND', `functions/${name}/handler.ts exports no \`handler\`.`);
}
