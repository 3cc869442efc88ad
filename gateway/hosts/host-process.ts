import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { getCompileCacheDir } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { within } from '#shared/signals/promises.ts';
import { ALERT_VARIABLES } from '#shared/config/alert-variables.ts';
import { type Env, ENV_SCHEMA } from '#shared/config/env.ts';
import { STORE_SETUP_VARIABLES } from '#shared/config/store-setup-variables.ts';
import { FILE_VARIABLES } from '#shared/config/secrets.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import type { Logger } from '#shared/log/log.ts';
import { type DeathReason, type InvokeOptions, WorkerDeath } from '#shared/runtime/function-caller.ts';
import { HttpFunctionCaller } from '#shared/runtime/http-function-caller.ts';
import type { SupervisionMessage } from '#shared/runtime/supervision.ts';

/** The limits of a host process. */
export interface HostLimits {
  /** A process that sends no heartbeat for this many checks is ended. */
  missedHeartbeats: number;
  /** Interval of the checks of heartbeat and memory, in milliseconds. */
  checkMs: number;
  /** A process with more resident memory is ended. */
  memoryBytes: number;
}

export interface HostProcessOptions {
  env: Env;
  /** Path of the Unix socket. */
  socket: string;
  limits: HostLimits;
  log: Logger;
  /** The program that the process executes. Default: function-process.ts. */
  program?: string;
}

/** How a process ended. */
export interface Death {
  reason: DeathReason;
  /** Completes the sentence "The process of FUNCTION ended during the call: …". */
  description: string;
}

const PROGRAM = fileURLToPath(new URL('../../shared/runtime/function-process.ts', import.meta.url));
/** Handlers release their claims after SIGTERM, which takes milliseconds. A frozen process does not react. */
const STOP_MS = 2_000;
/** A closed connection is reported before the end of the process. */
const END_MS = 2_000;
/** The import of all modules sends no heartbeats, and takes a multiple of the usual time on a busy machine. */
const START_FACTOR = 6;
/** The end of standard error that is kept to explain why a process ended. */
const MAX_OUTPUT = 4_000;
/** V8's heap may use this share of the memory limit; the rest is for buffers, DuckDB and threads. */
const HEAP_SHARE = 0.5;
/** The default of V8 (16 MB) makes an idle process 25 MB larger. 1,000 polygons take the same time with both. */
const SEMI_SPACE_MEGABYTES = 2;

/**
 * glibc gives the threads up to 8 heaps per processor, and seldom returns their memory. With 2 heaps, a process needs
 * 8 MB less when idle and 16 MB less for 50,000 polygons, in the same processor time. Other C libraries ignore it.
 */
const MALLOC_HEAPS = '2';

/**
 * Runs the program and a watcher, which kills the program when standard input is closed without a line: the gateway was
 * killed, and a frozen program would run on. After a line, the watcher only ends itself.
 */
const PROGRAM_AND_WATCHER =
  'exec 3<&0; ( ( read -r word <&3 || kill -KILL $$ ) >/dev/null 2>&1 4<&- & ); exec "$@" </dev/null 3<&-';

/**
 * A process that executes functions: `function-process.ts --socket`. It is ended when it is frozen or uses too much
 * memory.
 */
export class HostProcess {
  /** Number of running calls. */
  calls = 0;
  readonly #child: ChildProcess;
  readonly #client: HttpFunctionCaller;
  readonly #options: HostProcessOptions;
  readonly #ended = Promise.withResolvers<Death>();
  readonly #ready = Promise.withResolvers<void>();
  #death: Death | undefined;
  #killedFor: Death | undefined;
  #startError: SluiceError | undefined;
  #output = '';
  #isReady = false;
  #missed = 0;
  #timer: NodeJS.Timeout;

  constructor(options: HostProcessOptions) {
    const { env, socket, limits, program: file = PROGRAM } = options;
    this.#options = options;
    const heapMegabytes = Math.floor((limits.memoryBytes * HEAP_SHARE) / 2 ** 20);
    const flags = [`--max-old-space-size=${heapMegabytes}`, `--max-semi-space-size=${SEMI_SPACE_MEGABYTES}`];
    const program = [process.execPath, ...flags, file, '--socket', socket];
    // `detached`: Ctrl-C in the terminal does not reach the process. The gateway stops it after the running calls.
    this.#child = spawn('/bin/sh', ['-c', PROGRAM_AND_WATCHER, 'sh', ...program], {
      env: environmentOf(env),
      stdio: ['pipe', 'ignore', 'pipe', 'ignore', 'ipc'],
      detached: true,
    });
    this.#child.on('error', (cause) => this.#onExit(`could not start: ${cause.message}`));
    this.#child.once('exit', (code, signal) => this.#onExit(signal === null ? `exit code ${code}` : signal));
    this.#child.on('message', (message) => this.#onMessage(message as SupervisionMessage));
    this.#child.stdin?.on('error', () => undefined); // The watcher may have ended.
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#onOutput(text));
    this.#client = new HttpFunctionCaller((name) => `http://host/${name}`, socket);
    this.#timer = setInterval(() => this.#check(), limits.checkMs);
    this.#ready.promise.catch(() => undefined);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Whether the process accepts calls. */
  get isReady(): boolean {
    return this.#isReady && this.#death === undefined && this.#killedFor === undefined;
  }

  /** Resolves when the process accepts calls. Throws SETUP_FAILED, or the error of the process, if it ends before. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Resolves when the process has ended. */
  get ended(): Promise<Death> {
    return this.#ended.promise;
  }

  /** Calls a function. Throws WorkerDeath when the process ends during the call. */
  async invoke(name: string, event: SluiceEvent, options: InvokeOptions): Promise<SluiceEvent | undefined> {
    this.calls += 1;
    try {
      return await this.#client.invoke(name, event, options);
    } catch (thrown) {
      const isConnectionError = thrown instanceof SluiceError && thrown.code === 'FUNCTION_UNAVAILABLE';
      if (!isConnectionError || options.signal.aborted) throw thrown;
      const death = await within(this.#ended.promise, END_MS);
      if (death === undefined) throw thrown;
      throw new WorkerDeath(name, death.reason, death.description);
    } finally {
      this.calls -= 1;
    }
  }

  /** Ends the process: running calls are aborted and release their claims; a frozen process is killed. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS);
    await this.#ended.promise;
    clearTimeout(timer);
  }

  /** Counts checks, not time, so that a gateway that was suspended does not end its processes when it continues. */
  #check(): void {
    const { limits } = this.#options;
    this.#missed += 1;
    const limit = this.#isReady ? limits.missedHeartbeats : limits.missedHeartbeats * START_FACTOR;
    const seconds = Math.round((limit * limits.checkMs) / 1000);
    if (this.#missed > limit)
      this.#kill({ reason: 'frozen', description: `it did not respond for ${seconds} s and was stopped` });
    else if (residentBytes(this.pid) > limits.memoryBytes)
      this.#kill({ reason: 'memory', description: `it used more than ${limits.memoryBytes} bytes and was stopped` });
  }

  #kill(death: Death): void {
    if (this.#killedFor !== undefined) return;
    this.#killedFor = death;
    this.#child.kill('SIGKILL');
  }

  #onMessage(message: SupervisionMessage): void {
    this.#missed = 0;
    if (message === 'alive') return;
    if (message === 'ready') {
      this.#isReady = true;
      return this.#ready.resolve();
    }
    const { code, message: text, details } = message.failed;
    this.#startError = new SluiceError(code, text, { details });
  }

  #onOutput(text: string): void {
    const { log, env } = this.#options;
    this.#output = (this.#output + text).slice(-MAX_OUTPUT);
    if (env.LOG_FILE === undefined) process.stderr.write(text);
    else log.warn({ pid: this.pid, text: text.slice(0, MAX_OUTPUT) }, 'Host:Output:Received');
  }

  #onExit(how: string): void {
    clearInterval(this.#timer);
    this.#client.close();
    rmSync(this.#options.socket, { force: true });
    if (this.#child.stdin?.writable) this.#child.stdin.end('\n'); // Ends the watcher.
    this.#death ??= this.#killedFor ?? this.#describeExit(how);
    this.#ended.resolve(this.#death);
    this.#ready.reject(
      this.#startError ??
        new SluiceError('SETUP_FAILED', `The process of the functions ended (${how}). ${this.#output.trim()}`.trim()),
    );
  }

  #describeExit(how: string): Death {
    return this.#output.includes('heap out of memory')
      ? { reason: 'memory', description: 'its JavaScript heap was full' }
      : { reason: 'exited', description: `it ended with ${how}` };
  }
}

/** The environment of this process, with the values of `env` for every variable of Sluice. */
function environmentOf(env: Env): NodeJS.ProcessEnv {
  // The folder of compiled modules that this process uses, see npm-start.ts.
  const compiled = getCompileCacheDir();
  const variables: NodeJS.ProcessEnv = {
    MALLOC_ARENA_MAX: MALLOC_HEAPS,
    ...process.env,
    ...(compiled && { NODE_COMPILE_CACHE: dirname(compiled) }),
  };
  for (const name of [...Object.keys(ENV_SCHEMA.shape), ...FILE_VARIABLES.map((each) => `${each}_FILE`)])
    delete variables[name];
  // Set by `node --watch`. The process would send the names of its modules over the IPC channel.
  delete variables.WATCH_REPORT_DEPENDENCIES;
  // The functions do not need the keys of the administrator and of other users, and send no alerts.
  const omitted = { ...STORE_SETUP_VARIABLES, ...ALERT_VARIABLES };
  for (const [name, value] of Object.entries(env))
    if (value !== undefined && !(name in omitted)) variables[name] = String(value);
  return variables;
}

/** Resident memory of a process; 0 where /proc does not exist, so that the limit has no effect there. */
function residentBytes(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
