import type { Env } from '#shared/config/env.ts';
import type { Logger } from '#shared/log/log.ts';
import type { FunctionCaller } from '#shared/runtime/function-caller.ts';
import type { Stack } from '#shared/config/stack.ts';
import type { Tracing } from '#shared/tracing/tracing.ts';
import type { AlertQueue } from './alert-queue.ts';
import type { QueueDatabase } from './database.ts';
import type { DeadLetterStore } from './dead-letter-store.ts';
import type { RouterMetrics } from './metrics.ts';
import type { Publisher } from './publisher.ts';
import type { Queues } from './queues.ts';

/** What the processing of a job uses. */
export interface RouterParts {
  queues: Queues;
  database: QueueDatabase;
  publisher: Publisher;
  deadLetters: DeadLetterStore;
  /** Undefined if alerts are switched off. */
  alerts: AlertQueue | undefined;
  metrics: RouterMetrics;
  caller: FunctionCaller;
  stack: Stack;
  env: Env;
  log: Logger;
  /** Undefined if traces are switched off. */
  tracing?: Tracing | undefined;
  /** Wakes the consumers of a queue when a job is due after `afterSeconds`; with `priority`, only its consumer. */
  wake: (queue: string, afterSeconds: number, priority?: number) => void;
  /** Aborts when the router stops and running calls must end. */
  stopping: AbortSignal;
}
