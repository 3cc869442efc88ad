import { createInterface } from 'node:readline';
import { parseEnv } from '#shared/config/env.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { createLogger } from '#shared/log/log.ts';
import { openContext } from '#shared/runtime/make-context.ts';
import { loadHandler } from '#shared/runtime/in-process-caller.ts';
import { watchWrites } from './durable-writes.ts';

/**
 * A worker that calls functions. It reads its calls from standard input, one line of JSON each. During a call, it stops
 * its own process (SIGSTOP) before the first write whose `NAME (OCCURRENCE)` matches the regular expression `stopAt`.
 * After SIGCONT it continues, and prints the outcome as one line of JSON.
 */
export interface Call {
  name: string;
  event: SluiceEvent;
  stopAt: string;
}

export interface Outcome {
  stopped: boolean;
  /** Type of the reply. */
  replied?: string | null;
  /** Code of the error. */
  failed?: string;
}

const env = parseEnv(process.env);
const context = await openContext(env, createLogger(env));

let stopAt: RegExp | undefined;
const restartCount = watchWrites({
  counts: () => stopAt !== undefined,
  before: ({ name, occurrence }) => {
    if (stopAt?.test(`${name} (${occurrence})`) !== true) return undefined;
    stopAt = undefined;
    process.kill(process.pid, 'SIGSTOP');
    return undefined;
  },
  after: () => undefined,
});

async function execute(call: Call): Promise<Outcome> {
  const handler = await loadHandler(call.name);
  restartCount();
  stopAt = new RegExp(call.stopAt, 'i');
  const result = await handler(call.event, context).then(
    (reply) => ({ replied: reply?.type ?? null }),
    (thrown: unknown) => ({ failed: (thrown as { code?: string }).code ?? String(thrown) }),
  );
  return { stopped: stopAt === undefined, ...result };
}

for await (const line of createInterface({ input: process.stdin }))
  process.stdout.write(`${JSON.stringify(await execute(JSON.parse(line) as Call))}\n`);
await context[Symbol.asyncDispose]();
process.exit(0); // An idle export thread would keep the process alive.
