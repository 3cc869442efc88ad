import { parseEnv } from '#shared/config/env.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { createLogger } from '#shared/log/log.ts';
import { openContext } from '#shared/runtime/make-context.ts';
import { loadHandler } from '#shared/runtime/in-process-host.ts';
import { watchWrites } from './durable-writes.ts';

/**
 * Calls the function WORKER_FUNCTION with the event WORKER_EVENT, and stops its own process (SIGSTOP) before the first
 * write whose `NAME (OCCURRENCE)` matches the regular expression WORKER_STOP. After SIGCONT it continues, prints the
 * outcome, and ends.
 */
const handler = await loadHandler(process.env.WORKER_FUNCTION ?? '');
const event = JSON.parse(process.env.WORKER_EVENT ?? '') as SluiceEvent;
const stopAt = new RegExp(process.env.WORKER_STOP ?? '', 'i');
const env = parseEnv(process.env);
const context = await openContext(env, createLogger(env));

let stopped = false;
watchWrites({
  counts: () => true,
  before: ({ name, occurrence }) => {
    if (stopped || !stopAt.test(`${name} (${occurrence})`)) return;
    stopped = true;
    process.kill(process.pid, 'SIGSTOP');
  },
  after: () => undefined,
});

const outcome = await handler(event, context).then(
  (reply) => ({ replied: reply?.type ?? null }),
  (thrown: unknown) => ({ failed: (thrown as { code?: string }).code ?? String(thrown) }),
);
process.stdout.write(JSON.stringify({ stopped, ...outcome }));
await context[Symbol.asyncDispose]();
process.exit(0); // An idle export thread would keep the process alive.
