import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { log } from '#shared/log/log.ts';
import type { FunctionHost, InvokeOptions } from '#shared/runtime/host.ts';
import { testEnv } from '../../tests/servers.ts';
import { parseStack } from '../stack.ts';
import { createRouter, type Router } from './router.ts';

/** Functions of a test: what each receives, and does. */
export type TestFunctions = Record<
  string,
  {
    topic?: string;
    sink?: boolean;
    concurrency?: number;
    run: (event: SluiceEvent, options: InvokeOptions) => Promise<SluiceEvent | undefined>;
  }
>;

/** An event with awkward text in it. */
export function testEvent(type: string, id: string, data: unknown = { file: 'a b#é 😀.shp' }): SluiceEvent {
  return {
    specversion: '1.0',
    id,
    source: '/test',
    type,
    time: '2026-01-02T03:04:05Z',
    datacontenttype: 'application/json',
    data,
  };
}

/** A started router over these functions. Retries come quickly, so that tests need not wait. */
export async function startRouter(
  databaseUrl: string,
  functions: TestFunctions,
  variables: Record<string, string> = {},
): Promise<Router> {
  const router = await openRouter(databaseUrl, functions, variables);
  await router.start();
  return router;
}

/** The same, not started. */
export function openRouter(
  databaseUrl: string,
  functions: TestFunctions,
  variables: Record<string, string> = {},
): Promise<Router> {
  const entries = Object.entries(functions).map(([name, { topic, sink, concurrency }]) => [
    name,
    {
      annotations: {
        ...(topic ? { topic } : {}),
        'sluice.dead-letter-sink': String(sink ?? false),
        'sluice.concurrency': String(concurrency ?? 4),
      },
    },
  ]);
  const stack = parseStack(JSON.stringify({ functions: Object.fromEntries(entries) as object }));
  const host: FunctionHost = {
    invoke: async (name, event, options) => {
      const fn = functions[name];
      if (!fn) throw new SluiceError('FUNCTION_NOT_FOUND', name);
      return fn.run(event, options);
    },
  };
  const env = testEnv({ RETRY_LIMIT: '2', RETRY_DELAY_SECONDS: '1', ...variables });
  return createRouter({ databaseUrl, stack, host, env, log, drainMs: 100 });
}
