import { existsSync } from 'node:fs';
import { FUNCTION_NAME, type Stack } from '#shared/config/stack.ts';
import { LANE_STEPS } from '#shared/contracts/lanes.ts';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { CallLimits } from '#shared/signals/joined-signal.ts';
import { inSpan, type Tracing } from '#shared/tracing/tracing.ts';
import type { Context, Handler, WarmUp } from './context.ts';
import type { FunctionCaller, InvokeOptions } from './function-caller.ts';
import { contextWithSettings, withDeclaredPorts } from './make-context.ts';

/** The resources that `warmUp` of a function opens are closed when they are idle for this time. */
const WARM_MS = 5 * 60_000;

/** Without `tracing`, calls have no spans. */
type CallerContext = Context & { tracing?: Tracing | undefined };

/** Calls the functions in this process; all calls share the ports of one context. */
export class InProcessCaller implements FunctionCaller {
  #context: CallerContext;
  #load: (name: string) => Promise<Handler>;
  #stack: Pick<Stack, 'find'> | undefined;
  #handlers = new Map<string, Promise<Handler>>();
  /** The last use of a function, in milliseconds. */
  #used = new Map<string, number>();

  /** With `stack`, a function can use only the ports that stack.yml declares for it. */
  constructor(
    context: CallerContext,
    options: { load?: (name: string) => Promise<Handler>; stack?: Pick<Stack, 'find'> } = {},
  ) {
    this.#context = context;
    this.#load = options.load ?? loadHandler;
    this.#stack = options.stack;
  }

  async invoke(name: string, event: SluiceEvent, options: InvokeOptions): Promise<SluiceEvent | undefined> {
    const limits = new CallLimits([this.#context.signal, options.signal]);
    this.#used.set(name, Date.now());
    if (this.#stack !== undefined) void this.warmUp(stepsAfter(name).filter((step) => this.#isCold(step)));
    try {
      return await this.#inSpan(name, event, options, async () => {
        const handler = await this.#handler(name);
        return handler(event, { ...this.#contextOf(name, options.settings), signal: limits.signal });
      });
    } catch (thrown) {
      throw asSluiceError(thrown);
    } finally {
      limits.release();
    }
  }

  /**
   * Loads functions and executes their `warmUp`. A process of all functions does this when a step begins, for the later
   * steps of its lane, so that an idle process has no modules of functions, no threads and no sessions. An error is
   * logged, and thrown at the first event.
   */
  async warmUp(names: readonly string[]): Promise<void> {
    for (const name of names) this.#used.set(name, Date.now());
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

  /** A call of an event that belongs to a trace has a span. */
  #inSpan<T>(name: string, event: SluiceEvent, options: InvokeOptions, work: () => Promise<T>): Promise<T> {
    const { tracing } = this.#context;
    const parent = options.traceparent ?? event.traceparent;
    if (tracing === undefined || parent === undefined) return work();
    const attributes = { 'faas.name': name, 'cloudevents.event_id': event.id, 'cloudevents.event_type': event.type };
    return inSpan(tracing, name, { kind: 'consumer', parent, attributes }, work);
  }

  #isCold(name: string): boolean {
    return Date.now() - (this.#used.get(name) ?? -Infinity) > WARM_MS;
  }

  /** Every line that a function logs names it. Throws CONFIG_INVALID for settings that are not valid. */
  #contextOf(name: string, settings?: InvokeOptions['settings']): Context {
    const fn = this.#stack?.find(name);
    const own = settings === undefined ? this.#context : contextWithSettings(this.#context, settings);
    const context = { ...own, log: own.log.child({ function: name }) };
    return fn === undefined ? context : withDeclaredPorts(context, name, fn.needs);
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

/** The steps that follow in the lanes of a step. */
function stepsAfter(name: string): string[] {
  return Object.values(LANE_STEPS).flatMap((steps: readonly string[]) =>
    steps.includes(name) ? steps.slice(steps.indexOf(name) + 1) : [],
  );
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
    throw new SluiceError('FUNCTION_NOT_FOUND', `Function ${JSON.stringify(name)} does not exist.`);
  return (await import(file.href)) as { handler?: Handler; warmUp?: WarmUp };
}
