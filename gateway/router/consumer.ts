import type { Job, Queue } from './queue.ts';

/** What a lane does with a job; it settles the job itself and never throws. */
export type Work<T extends object> = (job: Job<T>) => Promise<void>;

/** Jobs are looked for so often even if every wake-up was lost: the floor, not the way jobs are found. */
const POLL_MS = 5_000;
/** Wait after a failed look: the database is away. */
const RETRY_FETCH_MS = 500;
/** setTimeout can't wait longer; a later look finds the job. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/**
 * The loop of one queue. It fetches only what can run at once, so memory does not grow with the queue, and only when there may be
 * something: woken by a publication, by the due time of a retry, by a job that ended while more were waiting, or by the slow poll.
 */
export class Lane<T extends object> {
  readonly queueName: string;
  #queue: Queue;
  #limit: number;
  #work: Work<T>;
  #active = new Set<string>();
  #running = false;
  #fetching = false;
  #maybeMore = false;
  #poll: NodeJS.Timeout | undefined;
  #timers = new Set<NodeJS.Timeout>();
  #idle: (() => void)[] = [];

  constructor(queue: Queue, queueName: string, limit: number, work: Work<T>) {
    this.#queue = queue;
    this.queueName = queueName;
    this.#limit = limit;
    this.#work = work;
  }

  /** Ids of the jobs that run now. */
  get active(): string[] {
    return [...this.#active];
  }

  start(): void {
    this.#running = true;
    this.#poll = setInterval(() => this.wake(), POLL_MS);
    this.wake();
  }

  /** Takes no more jobs. */
  pause(): void {
    this.#running = false;
    clearInterval(this.#poll);
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  /** Resolves when no job runs. */
  async drained(): Promise<void> {
    if (this.#active.size > 0 || this.#fetching) await new Promise<void>((done) => this.#idle.push(done));
  }

  /** There may be a job. */
  wake(): void {
    this.#maybeMore = true;
    void this.#fetch();
  }

  /** There will be a job after a while. */
  wakeAfter(milliseconds: number): void {
    if (!this.#running || milliseconds > TIMER_MAX_MS) return;
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
      while (this.#running && this.#maybeMore && this.#active.size < this.#limit) {
        const free = this.#limit - this.#active.size;
        this.#maybeMore = false;
        const jobs = await this.#queue.fetch<T>(this.queueName, free);
        if (jobs.length === free) this.#maybeMore = true;
        for (const job of jobs) void this.#run(job);
      }
    } catch {
      // The database said why to QueueDatabase, which logs it once.
      this.#maybeMore = true;
      this.wakeAfter(RETRY_FETCH_MS);
    } finally {
      this.#fetching = false;
      this.#sayIdle();
    }
  }

  async #run(job: Job<T>): Promise<void> {
    this.#active.add(job.id);
    try {
      await this.#work(job);
    } finally {
      this.#active.delete(job.id);
      if (this.#maybeMore) void this.#fetch();
      this.#sayIdle();
    }
  }

  #sayIdle(): void {
    if (this.#active.size > 0 || this.#fetching) return;
    for (const done of this.#idle.splice(0)) done();
  }
}
