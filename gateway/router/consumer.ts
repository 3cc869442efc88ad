import { MAX_TIMER_MS } from '#shared/signals/joined-signal.ts';
import type { Job, Queues } from './queues.ts';

/** Processes one job and stores its outcome. Never throws. */
export type ProcessJob<T extends object> = (job: Job<T>) => Promise<void>;

/** Finds jobs whose wake-up was lost. Normally a wake-up starts the fetch. */
const POLL_MS = 5_000;
/** Delay after a failed fetch: the database is unavailable. */
const RETRY_FETCH_MS = 500;
/**
 * The loop that fetches deliveries from one queue. It fetches at most as many jobs as can run now, so memory does not
 * grow with the queue. It fetches only after a wake-up (a publication, the due time of a retry), when a job has ended
 * and more may be waiting, and every POLL_MS.
 */
export class Consumer<T extends object> {
  readonly queueName: string;
  #queues: Queues;
  #concurrency: number;
  #process: ProcessJob<T>;
  #active = new Set<string>();
  #running = false;
  #fetching = false;
  #mayHaveMore = false;
  #poll: NodeJS.Timeout | undefined;
  #timers = new Set<NodeJS.Timeout>();
  #waitingForIdle: (() => void)[] = [];

  constructor(queues: Queues, queueName: string, concurrency: number, process: ProcessJob<T>) {
    this.#queues = queues;
    this.queueName = queueName;
    this.#concurrency = concurrency;
    this.#process = process;
  }

  /** Ids of the running jobs. */
  get active(): string[] {
    return [...this.#active];
  }

  start(): void {
    this.#running = true;
    this.#poll = setInterval(() => this.wake(), POLL_MS);
    this.wake();
  }

  /** Stops fetching. Running jobs continue. */
  pause(): void {
    this.#running = false;
    clearInterval(this.#poll);
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  /** Resolves when no job is running. */
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
      while (this.#running && this.#mayHaveMore && this.#active.size < this.#concurrency) {
        const free = this.#concurrency - this.#active.size;
        this.#mayHaveMore = false;
        const jobs = await this.#queues.fetch<T>(this.queueName, free);
        if (jobs.length === free) this.#mayHaveMore = true;
        for (const job of jobs) void this.#run(job);
      }
    } catch {
      // QueueDatabase has logged the reason.
      this.#mayHaveMore = true;
      this.wakeAfter(RETRY_FETCH_MS);
    } finally {
      this.#fetching = false;
      this.#notifyIdle();
    }
  }

  async #run(job: Job<T>): Promise<void> {
    this.#active.add(job.id);
    try {
      await this.#process(job);
    } finally {
      this.#active.delete(job.id);
      if (this.#mayHaveMore) void this.#fetch();
      this.#notifyIdle();
    }
  }

  #notifyIdle(): void {
    if (this.#active.size > 0 || this.#fetching) return;
    for (const done of this.#waitingForIdle.splice(0)) done();
  }
}
