import { CronExpressionParser } from 'cron-parser';
import { asSluiceError } from '#shared/errors/sluice-error.ts';
import { deterministicId, type SluiceEvent } from '#shared/events/event.ts';
import type { Logger } from '#shared/log/log.ts';
import type { Router } from '../router/router.ts';
import { CRON_TOPIC, type Stack, type StackFunction } from '#shared/config/stack.ts';

/** setTimeout can't wait longer than 24.8 days; a look once an hour costs nothing, and heeds a clock that was set. */
const LOOK_EVERY_MS = 3_600_000;
/** While the queue does not answer. */
const TRY_AGAIN_MS = 5_000;
/** A tick that was missed is made up for at the start; the queue remembers for a day which were sent, so older ones are let go. */
const MAKE_UP_FOR_MS = 23 * 3_600_000;

interface Parts {
  stack: Pick<Stack, 'functions'>;
  router: Pick<Router, 'publishTo'>;
  log: Logger;
  /** Ends it. */
  signal: AbortSignal;
}

/**
 * Calls the functions of topic `cron-function` at the times of their `schedule` annotation (in UTC), as OpenFaaS's cron-connector and
 * Knative's PingSource do. One tick for each time, however many gateways there are and however often they start: its id is its time.
 * Resolves when `signal` aborts.
 */
export async function runCron({ stack, ...parts }: Parts): Promise<void> {
  await Promise.all(
    stack.functions.filter(({ topics }) => topics.includes(CRON_TOPIC)).map((fn) => keepSchedule(fn, parts)),
  );
}

/** The times around `now` at which a cron expression is due: the last one that is not after it, and the next. Throws on an expression that is none. */
export function dueTimes(schedule: string, now: Date): { last: Date; next: Date } {
  // prev() of a time that is due itself gives the one before.
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

async function keepSchedule(fn: StackFunction, { router, log, signal }: Omit<Parts, 'stack'>): Promise<void> {
  let sent = Date.now() - MAKE_UP_FOR_MS;
  while (!signal.aborted) {
    const { last, next } = dueTimes(fn.schedule ?? '', new Date());
    let pause = Math.min(next.getTime() - Date.now(), LOOK_EVERY_MS);
    if (last.getTime() > sent) {
      const tick = tickOf(fn, last);
      try {
        await router.publishTo(fn.name, tick, { callId: tick.id });
        sent = last.getTime();
      } catch (thrown) {
        log.warn(
          { function: fn.name, due_at: tick.time, error: asSluiceError(thrown).toDocument() },
          'Cron:Tick:Failed',
        );
        pause = TRY_AGAIN_MS;
      }
    }
    await passed(Math.max(0, pause), signal);
  }
}

/** Resolves after a time, or when `signal` aborts. */
function passed(milliseconds: number, signal: AbortSignal): Promise<void> {
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
