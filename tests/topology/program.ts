import { fileURLToPath } from 'node:url';
import { execa, type ResultPromise } from 'execa';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** The time between SIGTERM and SIGKILL on Kubernetes. */
const KILL_AFTER_MS = 30_000;

/** A line of the log of a program. */
export interface LogLine {
  msg: string;
  [field: string]: unknown;
}

/** A program of Sluice in a process of its own: a function, or the gateway. */
export class Program {
  readonly #script: string[];
  readonly #variables: Record<string, string>;
  #process: ResultPromise<{ reject: false }> | undefined;
  #onLine: ((line: LogLine) => void) | undefined;

  /** `onLine` is called with each line of the log. */
  constructor(script: string[], variables: Record<string, string>, onLine?: (line: LogLine) => void) {
    this.#script = script;
    this.#variables = variables;
    this.#onLine = onLine;
  }

  /** Starts the process. Resolves with the first line of the log that has this name. */
  async start(startedName: string): Promise<LogLine> {
    const child = execa('node', this.#script, {
      cwd: ROOT,
      env: { PORT: '0', ...this.#variables, LOG_LEVEL: 'info' },
      reject: false,
      forceKillAfterDelay: KILL_AFTER_MS,
    });
    this.#process = child;
    const started = Promise.withResolvers<LogLine>();
    void child.then((result) =>
      started.reject(new Error(`${this.#script.join(' ')} ended: ${String(result.stderr).slice(-2000)}`)),
    );
    started.promise.catch(() => undefined);
    void this.#follow(child, (line) => {
      if (line.msg === startedName) started.resolve(line);
    });
    return started.promise;
  }

  /** Sends a signal, and resolves with the exit code when the process has ended; undefined after SIGKILL. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | undefined> {
    this.#process?.kill(signal);
    return (await this.#process)?.exitCode;
  }

  async #follow(child: ResultPromise<{ reject: false }>, onLine: (line: LogLine) => void): Promise<void> {
    for await (const text of child.iterable({ from: 'stderr' })) {
      if (!text.startsWith('{')) continue; // A message of Node.js.
      const line = JSON.parse(text) as LogLine;
      onLine(line);
      this.#onLine?.(line);
    }
  }
}
