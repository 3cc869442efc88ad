import type { Registry } from 'prom-client';
import type { DeadLetter } from '#shared/api/views.ts';
import type { Env } from '#shared/config/env.ts';
import type { Stack } from '#shared/config/stack.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import type { Logger } from '#shared/log/log.ts';
import type { FunctionCaller } from '#shared/runtime/function-caller.ts';
import type { Tracing } from '#shared/tracing/tracing.ts';

/**
 * Delivers events to functions: at least once, in any order. Publishing the same event again within a day has no
 * effect. Implementations: queue-router.ts and ../broker/broker-publisher.ts; start-sluice.ts chooses one.
 */
export interface Router {
  /**
   * Resolves when the event is stored durably for every subscribed function. Throws EVENT_INVALID,
   * DATABASE_UNAVAILABLE.
   */
  publish(event: SluiceEvent): Promise<void>;
  /**
   * Stores an asynchronous call of one function. Its reply is published, and posted to `callbackUrl`. Throws
   * FUNCTION_NOT_FOUND, EVENT_INVALID, DATABASE_UNAVAILABLE.
   */
  publishTo(functionName: string, event: SluiceEvent, options: { callId: string; callbackUrl?: string }): Promise<void>;
  /**
   * Sets how many calls of a function the router runs at the same time, and at most how many more for small inputs.
   * With 0, its events wait.
   */
  scale(functionName: string, calls: number): void;
  /** Starts the deliveries. The deliveries of a process that has ended come first. */
  start(): Promise<void>;
  /**
   * Stops fetching, waits for running calls for a limited time, then cancels them; they are delivered again after the
   * next start. Closes the router.
   */
  stop(): Promise<void>;
  /** Returns dead letters, newest first. */
  listDeadLetters(limit?: number, offset?: number): Promise<DeadLetter[]>;
  /** Returns one dead letter. Throws DEAD_LETTER_NOT_FOUND. */
  getDeadLetter(id: string): Promise<DeadLetter>;
  /** Delivers the event to the failed function again. Throws DEAD_LETTER_NOT_FOUND. */
  redrive(id: string): Promise<DeadLetter>;
  /** Deletes the dead letter. Throws DEAD_LETTER_NOT_FOUND. */
  discard(id: string): Promise<DeadLetter>;
  /** Resolves when the queue database responds. Throws DATABASE_UNAVAILABLE. */
  ping(): Promise<void>;
  /** The metrics of the router, for /metrics. */
  registry: Registry;
}

export interface RouterOptions {
  /** The PostgreSQL database of the queues. */
  databaseUrl: string;
  stack: Stack;
  caller: FunctionCaller;
  env: Env;
  log: Logger;
  /** Undefined if traces are switched off. */
  tracing?: Tracing | undefined;
  /** How long stop() waits for running calls before it cancels them. */
  drainMs?: number;
}
