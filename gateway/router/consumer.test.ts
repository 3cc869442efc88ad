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
function startSmall(waiting: string[], slots: number) {
  const started: string[] = [];
  const priorities: (Priorities | undefined)[] = [];
  const queues = {
    fetch: (_queue: string, limit: number, fetched?: Priorities) => {
      priorities.push(fetched);
      return Promise.resolve(waiting.splice(0, limit).map((id) => ({ id })));
    },
    giveBack: () => Promise.resolve(),
  } as unknown as Queues;
  const share = sharesOf({ all: 4, small: slots })[1];
  const consumer = new Consumer(queues, 'q', share ?? { concurrency: 0 }, (job: Job<object>) => {
    started.push(job.id);
    return new Promise<void>(() => undefined);
  });
  consumer.start();
  return { consumer, started, priorities };
}

test('slow jobs with a small input release their slots, at most as many as there are slots', async () => {
  const { consumer, started, priorities } = startSmall(['1', '2', '3', '4', '5', '6'], 2);
  await vi.advanceTimersByTimeAsync(9_000);
  expect(started).toEqual(['1', '2']);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(started).toEqual(['1', '2', '3', '4']);
  expect(consumer.active).toEqual(['1', '2', '3', '4']);
  expect(priorities[0]).toEqual({ minPriority: 1 });
  consumer.pause();
});

test('a queue without slots for small inputs has one consumer of all priorities', () => {
  expect(sharesOf({ all: 3, small: 0 })).toEqual([{ concurrency: 3 }]);
});

test('processes as many of the fetched jobs as it has slots after a resize', async () => {
  const waiting = ['1', '2', '3'];
  const started: string[] = [];
  const queues = {
    fetch: (_queue: string, limit: number) => Promise.resolve(waiting.splice(0, limit).map((id) => ({ id }))),
    giveBack: ({ id }: Job<object>) => Promise.resolve(void waiting.push(id)),
  } as unknown as Queues;
  const consumer = new Consumer(queues, 'q', { concurrency: 3 }, (job: Job<object>) => {
    started.push(job.id);
    return new Promise<void>(() => undefined);
  });
  consumer.start();
  consumer.resize(1);
  await vi.advanceTimersByTimeAsync(0);
  expect([started, waiting]).toEqual([['1'], ['2', '3']]);
  consumer.pause();
});

test('gives back jobs that were fetched while it was resized to 0, and fetches them after the next resize', async () => {
  const waiting = ['1', '2'];
  const started: string[] = [];
  const fetched = Promise.withResolvers<void>();
  const queues = {
    fetch: async (_queue: string, limit: number) => {
      const jobs = waiting.splice(0, limit).map((id) => ({ id }));
      await fetched.promise;
      return jobs;
    },
    giveBack: ({ id }: Job<object>) => Promise.resolve(void waiting.push(id)),
  } as unknown as Queues;
  const consumer = new Consumer(queues, 'q', { concurrency: 2 }, (job: Job<object>) => {
    started.push(job.id);
    return Promise.resolve();
  });
  consumer.start();
  consumer.resize(0);
  fetched.resolve();
  await vi.advanceTimersByTimeAsync(60_000);
  expect([started, waiting]).toEqual([[], ['1', '2']]);
  consumer.resize(1);
  await vi.advanceTimersByTimeAsync(0);
  expect(started).toEqual(['1', '2']);
  consumer.pause();
});
