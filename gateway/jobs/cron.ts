import { CronExpressionParser } from 'cron-parser';
import { CRON_TOPIC, type Stack, type StackFunction } from '#shared/config/stack.ts';
import { asSluiceError } from '#shared/errors/sluice-error.ts';
import { deterministicId, type SluiceEvent } from '#shared/events/event.ts';
import type { Logger } from '#shared/log/log.ts';
import type { Router } from '../router/router.ts';

/** The longest sleep, so that a change of the system clock is detected. It is also within the limit of setTimeout. */
const MAX_SLEEP_MS = 3_600_000;
/** Delay of a retry while the database is unavailable. */
const RETRY_MS = 5_000;
/** A missed tick is published at the start if it is not older. The router detects repeated ticks for a day. */
const MAX_TICK_AGE_MS = 23 * 3_600_000;

interface Parts {
  stack: Pick<Stack, 'functions'>;
  /** Whether a function runs. No ticks are published for others, so that none wait for it. All run by default. */
  isRunning?: (functionName: string) => boolean;
  router: Pick<Router, 'publishTo'>;
  log: Logger;
  /** Its abort ends the schedules. */
  signal: AbortSignal;
}

/**
 * Calls the functions with the topic `cron-function` at the times of their annotation `schedule` (in UTC), as
 * OpenFaaS's cron-connector and Knative's PingSource do. The id of a tick contains its time, so each tick is delivered
 * once even with several gateways or restarts. Resolves when `signal` aborts.
 */
export async function runCron({ stack, ...parts }: Parts): Promise<void> {
  await Promise.all(
    stack.functions.filter(({ topics }) => topics.includes(CRON_TOPIC)).map((fn) => runSchedule(fn, parts)),
  );
}

/** The last time up to `now` and the next time at which a cron expression is due. Throws for an invalid expression. */
export function dueTimes(schedule: string, now: Date): { last: Date; next: Date } {
  // prev() excludes the current time, so it starts one millisecond later.
  const after = new Date(now.getTime() + 1);
  return {
    last: CronExpressionParser.parse(schedule, { currentDate: after, tz: 'UTC' }).prev().toDate(),
    next: CronExpressionParser.parse(schedule, { currentDate: now, tz: 'UTC' }).next().toDate(),
  };
}

/** The event of one tick. */
export function tickOf(fn: Pick<StackFunction, 'name' | 'schedule'>, due: Date): SluiceEvent {
  const due_at = due.toISOString();
  return {
    specversion: '1.0',
    id: deterministicId('tick', fn.name, due_at),
    source: '/sluice/cron',
    type: 'sluice.tick',
    subject: fn.name,
    time: due_at,
    datacontenttype: 'application/json',
    data: { function: fn.name, schedule: fn.schedule, due_at },
  };
}

async function runSchedule(
  fn: StackFunction,
  { isRunning = () => true, router, log, signal }: Omit<Parts, 'stack'>,
): Promise<void> {
  let published = Date.now() - MAX_TICK_AGE_MS;
  while (!signal.aborted) {
    const { last, next } = dueTimes(fn.schedule ?? '', new Date());
    let pause = Math.min(next.getTime() - Date.now(), MAX_SLEEP_MS);
    if (!isRunning(fn.name)) published = last.getTime();
    else if (last.getTime() > published) {
      const tick = tickOf(fn, last);
      try {
        await router.publishTo(fn.name, tick, { callId: tick.id });
        published = last.getTime();
      } catch (thrown) {
        const fields = { function: fn.name, due_at: tick.time, error: asSluiceError(thrown).toDocument() };
        log.warn(fields, 'Tick:Publish:Failed');
        pause = RETRY_MS;
      }
    }
    await sleep(Math.max(0, pause), signal);
  }
}

/** Resolves after a time, or when `signal` aborts. Uses the global setTimeout, which the tests replace. */
function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}
