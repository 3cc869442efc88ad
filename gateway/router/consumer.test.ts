import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Consumer, sharesOf } from './consumer.ts';
import type { Job, Priorities, Queues } from './queues.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A queue of jobs that never end, and its consumer for small inputs. */
function startSmall(waiting: string[], places: number) {
  const started: string[] = [];
  const priorities: (Priorities | undefined)[] = [];
  const queues = {
    fetch: (_queue: string, limit: number, fetched?: Priorities) => {
      priorities.push(fetched);
      return Promise.resolve(waiting.splice(0, limit).map((id) => ({ id })));
    },
  } as unknown as Queues;
  const share = sharesOf({ all: 4, small: places })[1];
  const consumer = new Consumer(queues, 'q', share ?? { concurrency: 0 }, (job: Job<object>) => {
    started.push(job.id);
    return new Promise<void>(() => undefined);
  });
  consumer.start();
  return { consumer, started, priorities };
}

test('slow jobs with a small input release their places, at most as many as there are places', async () => {
  const { consumer, started, priorities } = startSmall(['1', '2', '3', '4', '5', '6'], 2);
  await vi.advanceTimersByTimeAsync(9_000);
  expect(started).toEqual(['1', '2']);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(started).toEqual(['1', '2', '3', '4']);
  expect(consumer.active).toEqual(['1', '2', '3', '4']);
  expect(priorities[0]).toEqual({ minPriority: 1 });
  consumer.pause();
});

test('a queue without places for small inputs has one consumer of all priorities', () => {
  expect(sharesOf({ all: 3, small: 0 })).toEqual([{ concurrency: 3 }]);
});
