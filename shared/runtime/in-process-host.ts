import type { Stack } from '#shared/config/stack.ts';
import { asSluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { CallLimits } from './call-limits.ts';
import type { Context, Handler } from './context.ts';
import { withDeclaredPorts } from './declared-ports.ts';
import { loadHandler, warmUpFunction } from './functions.ts';
import type { FunctionHost, InvokeOptions } from './host.ts';

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
