import { asSluiceError } from '#shared/errors/sluice-error.ts';
import type { Logger } from '#shared/log/log.ts';
import type { HostPlace } from './host-place.ts';

export interface ExtraHostTimes {
  /** A call that takes longer than this is a long call, in milliseconds. */
  longCallMs: number;
  /** The process stops when no long call has run for this time, in milliseconds. */
  idleMs: number;
}

/** Small batches have shorter calls, so that they do not start a process, which costs half a second of a processor. */
const DEFAULT_TIMES: ExtraHostTimes = { longCallMs: 400, idleMs: 60_000 };

/**
 * A process that runs only while other processes have long calls. A call uses the JavaScript thread of its process, so
 * the calls of small batches took up to 2.7 times as long beside a call on a large file in the same process.
 */
export class ExtraHost {
  readonly place: HostPlace;
  readonly #log: Logger;
  readonly #times: ExtraHostTimes;
  #longCalls = 0;
  #isStarting = false;
  #isStopped = false;
  #idleTimer: NodeJS.Timeout | undefined;

  constructor(place: HostPlace, { log, times }: { log: Logger; times: Partial<ExtraHostTimes> | undefined }) {
    this.place = place;
    this.#log = log;
    this.#times = { ...DEFAULT_TIMES, ...times };
  }

  /** Starts the process if the call, in a process of `place`, takes long. Returns the result of the call. */
  async observe<T>(place: HostPlace, call: Promise<T>): Promise<T> {
    let isLong = false;
    const timer = setTimeout(() => {
      isLong = true;
      place.longCalls += 1;
      this.#longCalls += 1;
      clearTimeout(this.#idleTimer);
      void this.#start();
    }, this.#times.longCallMs);
    try {
      return await call;
    } finally {
      clearTimeout(timer);
      if (isLong) {
        place.longCalls -= 1;
        this.#longCalls -= 1;
        this.#stopWhenIdle();
      }
    }
  }

  /** Starts no process from now on. The caller closes the place. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#idleTimer);
  }

  /** Without a further process, all calls run in the others. The next long call starts it again. */
  async #start(): Promise<void> {
    if (this.#isStopped || this.#isStarting || this.place.isReady) return;
    this.#isStarting = true;
    try {
      await this.place.open();
    } catch (thrown) {
      if (!this.#isStopped) this.#log.warn({ error: asSluiceError(thrown).toDocument() }, 'Host:Start:Failed');
    } finally {
      this.#isStarting = false;
    }
  }

  #stopWhenIdle(): void {
    clearTimeout(this.#idleTimer);
    if (this.#isStopped || this.#longCalls > 0) return;
    this.#idleTimer = setTimeout(() => {
      if (this.place.calls > 0 || this.#isStarting) this.#stopWhenIdle();
      else void this.place.retire();
    }, this.#times.idleMs).unref();
  }
}
