import { setTimeout as sleep } from 'node:timers/promises';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import type { Logger } from '#shared/log/log.ts';
import { endLeftoverPrograms } from '#shared/processes/leftover-programs.ts';
import type { Death, HostProcess } from './host-process.ts';

/** Delays before each attempt to start a process, after failed starts. */
const RESTART_DELAYS_MS = [0, 500, 1_000, 2_000, 5_000, 10_000];
/** A process that ends without a call counts as a failed start within this time. */
const STABLE_MS = 30_000;

/** The place of one host process: the process that runs, or its successor that starts. */
export class HostPlace {
  /** Calls that take long; see ExtraHost. */
  longCalls = 0;
  readonly #create: () => HostProcess;
  readonly #restarts: boolean;
  readonly #log: Logger;
  readonly #stopping = new AbortController();
  /** The process that is starting or running. */
  #process: HostProcess | undefined;
  /** Resolves when #process accepts calls. */
  #starting: Promise<HostProcess> | undefined;
  /** Resolves when the last process that was stopped has ended. */
  #retired: Promise<void> | undefined;
  #failedStarts = 0;

  /** With `restarts`, a successor starts when a process has ended; otherwise with the next call. */
  constructor(create: () => HostProcess, { restarts, log }: { restarts: boolean; log: Logger }) {
    this.#create = create;
    this.#restarts = restarts;
    this.#log = log;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Whether a process accepts calls. */
  get isReady(): boolean {
    return this.#process?.isReady ?? false;
  }

  get calls(): number {
    return this.#process?.calls ?? 0;
  }

  /** Starts a process, once. Throws if it cannot start. */
  async open(): Promise<void> {
    await this.#start();
  }

  /** The running process; waits while one starts. Throws FUNCTION_UNAVAILABLE when the signal aborts meanwhile. */
  async running(signal: AbortSignal): Promise<HostProcess> {
    if (this.#starting === undefined && this.#process !== undefined) return this.#process;
    const aborted = Promise.withResolvers<never>();
    const abort = () => aborted.reject(stopping());
    if (signal.aborted) throw stopping();
    signal.addEventListener('abort', abort, { once: true });
    try {
      return await Promise.race([this.#startAgain(), aborted.promise]);
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  /** Stops the process. The next call starts a new one. */
  async retire(): Promise<void> {
    const process = this.#process;
    this.#process = undefined;
    if (process !== undefined) this.#retired = process.stop();
    await this.#retired;
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    const starting = this.#starting;
    await this.retire();
    await starting?.catch(() => undefined);
  }

  /** Starts a process, and repeats a failed start after a delay. Rejects only when this place is closed. */
  #startAgain(): Promise<HostProcess> {
    this.#starting ??= this.#startUntilRunning().finally(() => (this.#starting = undefined));
    this.#starting.catch(() => undefined);
    return this.#starting;
  }

  async #startUntilRunning(): Promise<HostProcess> {
    for (;;) {
      const delay = RESTART_DELAYS_MS[Math.min(this.#failedStarts, RESTART_DELAYS_MS.length - 1)];
      await sleep(delay, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
      if (this.#stopping.signal.aborted) throw stopping();
      try {
        return await this.#start();
      } catch (thrown) {
        this.#failedStarts += 1;
        this.#log.error({ error: asSluiceError(thrown).toDocument() }, 'Host:Start:Failed');
      }
    }
  }

  async #start(): Promise<HostProcess> {
    const process = this.#create();
    this.#process = process;
    const startedAt = performance.now();
    await process.ready;
    this.#log.info({ pid: process.pid }, 'Host:Start:Done');
    void process.ended.then((death) => this.#onDeath(process, death, performance.now() - startedAt));
    void endLeftoverPrograms(); // Of the process before this one.
    return process;
  }

  #onDeath(process: HostProcess, death: Death, milliseconds: number): void {
    if (this.#process !== process) return; // It was stopped.
    this.#process = undefined;
    // An event that ends its process does not delay the events of other runs.
    const endedByItself = process.calls === 0 && milliseconds < STABLE_MS;
    this.#failedStarts = endedByItself ? this.#failedStarts + 1 : 0;
    this.#log.error({ pid: process.pid, calls: process.calls, ...death }, 'Host:Run:Failed');
    if (this.#restarts && !this.#stopping.signal.aborted) void this.#startAgain();
  }
}

function stopping(): SluiceError {
  return new SluiceError('FUNCTION_UNAVAILABLE', 'Sluice is stopping. The step is repeated after the next start.');
}
