import { rmSync } from 'node:fs';
import { mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Env } from '#shared/config/env.ts';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import type { Logger } from '#shared/log/log.ts';
import { endLeftoverPrograms } from '#shared/processes/leftover-programs.ts';
import type { FunctionCaller, InvokeOptions } from '#shared/runtime/function-caller.ts';
import { HEARTBEAT_MS } from '#shared/runtime/supervision.ts';
import { type Death, type HostLimits, HostProcess } from './host-process.ts';

export interface FunctionHostsOptions {
  /** The environment, with the addresses of the started servers. */
  env: Env;
  log: Logger;
  limits?: Partial<HostLimits>;
  /** The program that the process executes. Default: function-process.ts. */
  program?: string;
}

/** Longest path of a Unix socket: 104 bytes on macOS, 108 on Linux. */
const MAX_SOCKET_PATH = 100;
/** Length of the name of a socket: a separator and a number. */
const MAX_SOCKET_NAME = 10;
const DEFAULT_LIMITS = { missedHeartbeats: 10, checkMs: HEARTBEAT_MS };
/** Delays before each attempt to start a process, after failed starts. */
const RESTART_DELAYS_MS = [0, 500, 1_000, 2_000, 5_000, 10_000];
/** A process that ends without a call counts as a failed start within this time. */
const STABLE_MS = 30_000;
/** A process for calls that run alone is stopped when it has been idle for this time. */
const IDLE_MS = 20_000;

/**
 * Executes the functions in FUNCTION_PROCESSES processes, and restarts each one that ends. A call with `alone` runs in
 * a further process, one at a time. If that process ends too, the event of the call is the cause, and the calls of
 * other runs are not affected.
 */
export class FunctionHosts implements FunctionCaller {
  readonly #folder: string;
  readonly #shared: HostPlace[];
  readonly #alone: HostPlace;
  /** Resolves when the last call that runs alone has ended. */
  #lastAlone: Promise<unknown> = Promise.resolve();
  #idleTimer: NodeJS.Timeout | undefined;

  private constructor({ env, log, limits, program }: FunctionHostsOptions, folder: string) {
    this.#folder = folder;
    let started = 0;
    const create = () =>
      new HostProcess({
        env,
        socket: join(folder, String((started += 1))),
        limits: { ...DEFAULT_LIMITS, memoryBytes: env.FUNCTION_MEMORY_BYTES, ...limits },
        log,
        ...(program === undefined ? {} : { program }),
      });
    this.#shared = Array.from({ length: env.FUNCTION_PROCESSES }, () => new HostPlace(create, { restarts: true, log }));
    this.#alone = new HostPlace(create, { restarts: false, log });
  }

  /** Starts the processes, and resolves when they accept calls. Throws the error of a process that cannot start. */
  static async start(options: FunctionHostsOptions): Promise<FunctionHosts> {
    const hosts = new FunctionHosts(options, await socketFolder(options.env.SLUICE_HOME));
    try {
      await Promise.all(hosts.#shared.map((place) => place.open()));
      return hosts;
    } catch (thrown) {
      await hosts.stop();
      throw thrown;
    }
  }

  /** Process ids of the running processes. */
  get pids(): number[] {
    return [...this.#shared, this.#alone].flatMap((place) => place.pid ?? []);
  }

  async invoke(name: string, event: SluiceEvent, options: InvokeOptions): Promise<SluiceEvent | undefined> {
    if (options.alone === true) return this.#invokeAlone(name, event, options);
    const place = this.#shared.reduce((least, next) => (next.calls < least.calls ? next : least));
    return (await place.running(options.signal)).invoke(name, event, options);
  }

  async stop(): Promise<void> {
    clearTimeout(this.#idleTimer);
    await Promise.all([...this.#shared, this.#alone].map((place) => place.close()));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #invokeAlone(name: string, event: SluiceEvent, options: InvokeOptions): Promise<SluiceEvent | undefined> {
    const before = this.#lastAlone;
    const ended = Promise.withResolvers<void>();
    this.#lastAlone = ended.promise;
    await before;
    clearTimeout(this.#idleTimer);
    try {
      return await (await this.#alone.running(options.signal)).invoke(name, event, options);
    } finally {
      ended.resolve();
      if (this.#lastAlone === ended.promise)
        this.#idleTimer = setTimeout(() => {
          this.#lastAlone = this.#alone.retire();
        }, IDLE_MS).unref();
    }
  }
}

/** The place of one host process: the process that runs, or its successor that starts. */
class HostPlace {
  readonly #create: () => HostProcess;
  readonly #restarts: boolean;
  readonly #log: Logger;
  readonly #stopping = new AbortController();
  /** The process that is starting or running. */
  #process: HostProcess | undefined;
  /** Resolves when #process accepts calls. */
  #starting: Promise<HostProcess> | undefined;
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

  get calls(): number {
    return this.#process?.calls ?? 0;
  }

  /** Starts the first process. Throws if it cannot start. */
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
    await process?.stop();
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

/** A folder for the sockets that only this user can open. */
async function socketFolder(home: string): Promise<string> {
  const folder = resolve(home, 'hosts');
  if (Buffer.byteLength(folder) > MAX_SOCKET_PATH - MAX_SOCKET_NAME) return mkdtemp(join(tmpdir(), 'sluice-hosts-'));
  rmSync(folder, { recursive: true, force: true }); // Sockets of a killed Sluice.
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return folder;
}

function stopping(): SluiceError {
  return new SluiceError('FUNCTION_UNAVAILABLE', 'Sluice is stopping. The step is repeated after the next start.');
}
