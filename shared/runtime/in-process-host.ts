import { existsSync } from 'node:fs';
import { FUNCTION_NAME, type Stack } from '#shared/config/stack.ts';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { CallLimits } from '#shared/signals/joined-signal.ts';
import type { Context, Handler, WarmUp } from './context.ts';
import type { FunctionHost, InvokeOptions } from './host.ts';
import { withDeclaredPorts } from './make-context.ts';

/** Runs the functions in this process; all calls share the ports of one context. */
export class InProcessHost implements FunctionHost {
  #context: Context;
  #load: (name: string) => Promise<Handler>;
  #stack: Pick<Stack, 'find'> | undefined;
  #handlers = new Map<string, Promise<Handler>>();

  /** With `stack`, a function can use only the ports that stack.yml declares for it. */
  constructor(
    context: Context,
    options: { load?: (name: string) => Promise<Handler>; stack?: Pick<Stack, 'find'> } = {},
  ) {
    this.#context = context;
    this.#load = options.load ?? loadHandler;
    this.#stack = options.stack;
  }

  async invoke(name: string, event: SluiceEvent, options: InvokeOptions): Promise<SluiceEvent | undefined> {
    const limits = new CallLimits([this.#context.signal, options.signal]);
    try {
      const handler = await this.#handler(name);
      return await handler(event, { ...this.#contextOf(name), signal: limits.signal });
    } catch (thrown) {
      throw asSluiceError(thrown);
    } finally {
      limits.release();
    }
  }

  /** Loads functions before their first events. An error is logged, and thrown at the first event. */
  async warmUp(names: readonly string[]): Promise<void> {
    for (const name of names) {
      if (this.#context.signal.aborted) return;
      await warmUpFunction(name, this.#contextOf(name)).catch((thrown: unknown) =>
        this.#context.log.debug(
          { function: name, error: asSluiceError(thrown).toDocument() },
          'Function:WarmUp:Failed',
        ),
      );
    }
  }

  #contextOf(name: string): Context {
    const fn = this.#stack?.find(name);
    return fn === undefined ? this.#context : withDeclaredPorts(this.#context, name, fn.needs);
  }

  #handler(name: string): Promise<Handler> {
    const known = this.#handlers.get(name);
    if (known) return known;
    const loading = this.#load(name);
    this.#handlers.set(name, loading);
    loading.catch(() => this.#handlers.delete(name)); // So that a function that is added later is found.
    return loading;
  }
}

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
