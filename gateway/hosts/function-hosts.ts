import { rmSync } from 'node:fs';
import { mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Env } from '#shared/config/env.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import type { Logger } from '#shared/log/log.ts';
import type { FunctionCaller, InvokeOptions } from '#shared/runtime/function-caller.ts';
import { HEARTBEAT_MS } from '#shared/runtime/supervision.ts';
import { ExtraHost, type ExtraHostTimes } from './extra-host.ts';
import { HostPlace } from './host-place.ts';
import { type HostLimits, HostProcess } from './host-process.ts';

export interface FunctionHostsOptions {
  /** The environment, with the addresses of the started servers. */
  env: Env;
  log: Logger;
  limits?: Partial<HostLimits>;
  /** The program that the process executes. Default: function-process.ts. */
  program?: string;
  /** How long a call takes until a further process starts, and until that process stops, in milliseconds. */
  extra?: Partial<ExtraHostTimes>;
}

/** Longest path of a Unix socket: 104 bytes on macOS, 108 on Linux. */
const MAX_SOCKET_PATH = 100;
/** Length of the name of a socket: a separator and a number. */
const MAX_SOCKET_NAME = 10;
const DEFAULT_LIMITS = { missedHeartbeats: 10, checkMs: HEARTBEAT_MS };
/** A call that needs more memory is repeated alone, with the whole limit. */
const EXTRA_MEMORY_SHARE = 0.5;
/** A process for calls that run alone is stopped when it has been idle for this time. */
const IDLE_MS = 20_000;

/**
 * Executes the functions in FUNCTION_PROCESSES processes, and restarts each one that ends. While a call takes long, a
 * further process executes the calls of other runs (ExtraHost). A call with `alone` runs in a process of its own, one
 * at a time. If that process ends too, the event of the call is the cause, and the calls of other runs are not
 * affected.
 */
export class FunctionHosts implements FunctionCaller {
  readonly #folder: string;
  readonly #shared: HostPlace[];
  readonly #extra: ExtraHost;
  readonly #alone: HostPlace;
  /** Resolves when the last call that runs alone has ended. */
  #lastAlone: Promise<unknown> = Promise.resolve();
  #idleTimer: NodeJS.Timeout | undefined;

  private constructor({ env, log, limits, program, extra }: FunctionHostsOptions, folder: string) {
    this.#folder = folder;
    let started = 0;
    const allowed = { ...DEFAULT_LIMITS, memoryBytes: env.FUNCTION_MEMORY_BYTES, ...limits };
    const create = (memoryBytes = allowed.memoryBytes) =>
      new HostProcess({
        env,
        socket: join(folder, String((started += 1))),
        limits: { ...allowed, memoryBytes },
        log,
        ...(program === undefined ? {} : { program }),
      });
    const createExtra = () => create(Math.floor(allowed.memoryBytes * EXTRA_MEMORY_SHARE));
    this.#shared = Array.from(
      { length: env.FUNCTION_PROCESSES },
      () => new HostPlace(() => create(), { restarts: true, log }),
    );
    this.#extra = new ExtraHost(new HostPlace(createExtra, { restarts: false, log }), { log, times: extra });
    this.#alone = new HostPlace(() => create(), { restarts: false, log });
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
    return [...this.#shared, this.#extra.place, this.#alone].flatMap((place) => place.pid ?? []);
  }

  async invoke(name: string, event: SluiceEvent, options: InvokeOptions): Promise<SluiceEvent | undefined> {
    if (options.alone === true) return this.#invokeAlone(name, event, options);
    const place = this.#leastBusy();
    const process = await place.running(options.signal);
    return this.#extra.observe(place, process.invoke(name, event, options));
  }

  /** A call waits for a process only if none is ready. */
  #leastBusy(): HostPlace {
    const ready = [...this.#shared, this.#extra.place].filter((place) => place.isReady);
    return (ready.length === 0 ? this.#shared : ready).reduce((least, next) =>
      (next.longCalls - least.longCalls || next.calls - least.calls) < 0 ? next : least,
    );
  }

  async stop(): Promise<void> {
    clearTimeout(this.#idleTimer);
    this.#extra.stop();
    await Promise.all([...this.#shared, this.#extra.place, this.#alone].map((place) => place.close()));
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

/** A folder for the sockets that only this user can open. */
async function socketFolder(home: string): Promise<string> {
  const folder = resolve(home, 'hosts');
  if (Buffer.byteLength(folder) > MAX_SOCKET_PATH - MAX_SOCKET_NAME) return mkdtemp(join(tmpdir(), 'sluice-hosts-'));
  rmSync(folder, { recursive: true, force: true }); // Sockets of a killed Sluice.
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return folder;
}
