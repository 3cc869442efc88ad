import { MAX_TIMER_MS } from '#shared/signals/joined-signal.ts';
import { SMALL_PRIORITY } from './delivery-data.ts';
import type { Job, Priorities, Queues } from './queues.ts';

/** Calls the function with the delivery of a job, and stores the outcome. Never throws. */
export type ProcessJob<T extends object> = (job: Job<T>) => Promise<void>;

/** Finds jobs whose wake-up was lost. Normally a wake-up starts the fetch. */
const POLL_MS = 5_000;
/** Delay after a failed fetch: the database is unavailable. */
const RETRY_FETCH_MS = 500;
/** A small input normally needs less time in a function. */
const SLOW_MS = 10_000;

export interface RunningJob<T extends object> {
  job: Job<T>;
  /** In milliseconds since 1970. */
  startedAt: number;
}

/** The deliveries of a queue that one consumer processes. */
export interface Share {
  /** Number of slots: calls at the same time. */
  concurrency: number;
  /** Priorities of the jobs that the consumer fetches; all by default. */
  priorities?: Priorities;
  /**
   * Number of calls that may continue without a slot after SLOW_MS. A few small files that are slow to process then
   * do not delay all other small files. 0 by default.
   */
  slowJobs?: number;
}

/** The shares of the queue of a function. Small and large inputs do not wait for each other if both have slots. */
export function sharesOf({ all, small }: { all: number; small: number }): Share[] {
  if (small === 0) return [{ concurrency: all }];
  return [
    { concurrency: all, priorities: { maxPriority: SMALL_PRIORITY - 1 } },
    { concurrency: small, priorities: { minPriority: SMALL_PRIORITY }, slowJobs: small },
  ];
}

/**
 * The loop that fetches deliveries from one queue, or those of one share. It fetches at most as many jobs as can run
 * now, so memory does not grow with the queue. It fetches only after a wake-up (a publication, the due time of a
 * retry), when a job has ended and more may be waiting, and every POLL_MS.
 */
export class Consumer<T extends object> {
  readonly queueName: string;
  readonly share: Share;
  #queues: Queues;
  #process: ProcessJob<T>;
  #concurrency: number;
  #active = new Map<string, RunningJob<T>>();
  /** Active jobs that no longer occupy a slot. */
  #slow = new Set<string>();
  #running = false;
  #fetching = false;
  /** Start of the fetch that is running, in milliseconds. */
  #fetchStarted: number | undefined;
  #mayHaveMore = false;
  #poll: NodeJS.Timeout | undefined;
  #timers = new Set<NodeJS.Timeout>();
  #waitingForIdle: (() => void)[] = [];

  constructor(queues: Queues, queueName: string, share: Share, process: ProcessJob<T>) {
    this.#queues = queues;
    this.queueName = queueName;
    this.share = share;
    this.#concurrency = share.concurrency;
    this.#process = process;
  }

  /** Whether it fetches jobs with this priority. */
  fetches(priority: number): boolean {
    const { minPriority = -Infinity, maxPriority = Infinity } = this.share.priorities ?? {};
    return minPriority <= priority && priority <= maxPriority;
  }

  /** Ids of the running jobs. */
  get active(): string[] {
    return [...this.#active.keys()];
  }

  get running(): RunningJob<T>[] {
    return [...this.#active.values()];
  }

  /** For how long a fetch has been running; 0 without one. Its jobs are not in `active` yet. */
  get fetchSeconds(): number {
    return this.#fetchStarted === undefined ? 0 : (performance.now() - this.#fetchStarted) / 1000;
  }

  start(): void {
    this.#running = true;
    this.#poll = setInterval(() => this.wake(), POLL_MS);
    this.wake();
  }

  /** Changes the number of slots. Running calls continue. */
  resize(concurrency: number): void {
    this.#concurrency = concurrency;
    this.wake();
  }

  /** Stops fetching. Running calls continue. */
  pause(): void {
    this.#running = false;
    clearInterval(this.#poll);
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  /** Resolves when no call is running. */
  async idle(): Promise<void> {
    if (this.#active.size > 0 || this.#fetching) await new Promise<void>((done) => this.#waitingForIdle.push(done));
  }

  /** Fetches, because a job may be due now. */
  wake(): void {
    this.#mayHaveMore = true;
    void this.#fetch();
  }

  /** Fetches after a delay, when a job is due. */
  wakeAfter(milliseconds: number): void {
    if (!this.#running || milliseconds > MAX_TIMER_MS) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.wake();
    }, milliseconds);
    this.#timers.add(timer);
  }

  async #fetch(): Promise<void> {
    if (this.#fetching) return;
    this.#fetching = true;
    try {
      while (this.#running && this.#mayHaveMore && this.#freeSlots > 0) {
        const free = this.#freeSlots;
        this.#mayHaveMore = false;
        this.#fetchStarted = performance.now();
        const jobs = await this.#queues.fetch<T>(this.queueName, free, this.share.priorities);
        if (jobs.length === free) this.#mayHaveMore = true;
        const slots = Math.max(0, this.#freeSlots); // It may have been resized during the fetch.
        for (const job of jobs.slice(0, slots)) void this.#run(job);
        for (const job of jobs.slice(slots)) await this.#queues.giveBack(job);
        this.#fetchStarted = undefined;
      }
    } catch {
      // QueueDatabase has logged the reason.
      this.#mayHaveMore = true;
      this.wakeAfter(RETRY_FETCH_MS);
    } finally {
      this.#fetching = false;
      this.#fetchStarted = undefined;
      this.#notifyIdle();
    }
  }

  async #run(job: Job<T>): Promise<void> {
    this.#active.set(job.id, { job, startedAt: Date.now() });
    const slow = this.share.slowJobs ? setTimeout(() => this.#releaseSlot(job.id), SLOW_MS) : undefined;
    try {
      await this.#process(job);
    } finally {
      clearTimeout(slow);
      this.#active.delete(job.id);
      this.#slow.delete(job.id);
      if (this.#mayHaveMore) void this.#fetch();
      this.#notifyIdle();
    }
  }

  get #freeSlots(): number {
    return this.#concurrency - (this.#active.size - this.#slow.size);
  }

  #releaseSlot(id: string): void {
    if (this.#slow.size >= (this.share.slowJobs ?? 0)) return;
    this.#slow.add(id);
    if (this.#mayHaveMore) void this.#fetch();
  }

  #notifyIdle(): void {
    if (this.#active.size > 0 || this.#fetching) return;
    for (const done of this.#waitingForIdle.splice(0)) done();
  }
}
