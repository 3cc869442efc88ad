import { type FileHandle, open, watch } from 'node:fs/promises';
import { hostname } from 'node:os';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { reasonOf } from '#shared/text/error-reason.ts';
import { NAMESPACE } from './function-status.ts';

/** Which lines of the log are returned. */
export interface LogRequest {
  /** The function or the run whose lines are requested. */
  of: { functionName: string } | { runId: string };
  /** The time of the oldest line to return. */
  since?: Date | undefined;
  /** Largest number of existing lines to return, the newest. Default: all. */
  tail?: number | undefined;
  /** Also returns the lines that are written until `signal` aborts. */
  follow: boolean;
  signal: AbortSignal;
}

/** A line as OpenFaaS returns it. */
export interface LogLine {
  name: string;
  namespace: string;
  instance: string;
  /** Time of the line (RFC 3339). */
  timestamp: string;
  /** The line of the log, in JSON. */
  text: string;
}

const READ_BYTES = 256 * 2 ** 10;
/** A longer line is skipped. The log has none. */
const MAX_LINE_BYTES = 2 ** 20;
/** The name of this machine, where all functions of the log run. */
export const INSTANCE = hostname();

/** The log file of the gateway and its function processes, which they share. */
export class FunctionLog implements AsyncDisposable {
  readonly #path: string;
  readonly #file: FileHandle;

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  /** Opens the log file at `path`. Throws CONFIG_INVALID. */
  static async open(path: string): Promise<FunctionLog> {
    try {
      return new FunctionLog(path, await open(path, 'r'));
    } catch (cause) {
      throw new SluiceError('CONFIG_INVALID', `Could not read the log file ${path}: ${reasonOf(cause)}.`, { cause });
    }
  }

  /** The lines of one function or run. */
  async *read(request: LogRequest): AsyncGenerator<LogLine> {
    const ending = new AbortController();
    const end = () => ending.abort();
    request.signal.addEventListener('abort', end);
    try {
      const changes = request.follow ? new Changes(this.#path, ending.signal) : undefined;
      const lines = new LineReader(this.#file, request.signal);
      yield* lastOf(matching(lines, request), request.tail);
      while (await changes?.next()) yield* matching(lines, request);
    } finally {
      request.signal.removeEventListener('abort', end);
      end();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}

/** Changes of a file since the last call of `next`, or since the creation. */
class Changes {
  readonly #events: AsyncIterator<unknown>;
  #next: Promise<boolean>;

  constructor(path: string, signal: AbortSignal) {
    this.#events = watch(path, { signal })[Symbol.asyncIterator]();
    this.#next = this.#observe();
  }

  /** Resolves with true after a change, and with false when the signal has aborted. */
  async next(): Promise<boolean> {
    const changed = await this.#next;
    this.#next = this.#observe();
    return changed;
  }

  #observe(): Promise<boolean> {
    return this.#events.next().then(
      ({ done }) => done !== true,
      () => false, // The signal has aborted.
    );
  }
}

/** The last `count` lines; all lines if it is undefined. */
async function* lastOf(lines: AsyncIterable<LogLine>, count: number | undefined): AsyncGenerator<LogLine> {
  if (count === undefined) {
    yield* lines;
    return;
  }
  const last: LogLine[] = [];
  let total = 0;
  for await (const line of lines) last[total++ % count] = line;
  const oldest = total % last.length || 0;
  yield* last.slice(oldest);
  yield* last.slice(0, oldest);
}

async function* matching(lines: LineReader, request: LogRequest): AsyncGenerator<LogLine> {
  for await (const text of lines.read()) {
    const line = logLine(text, request);
    if (line !== undefined) yield line;
  }
}

/** Reads complete lines from where the last read ended. */
class LineReader {
  readonly #file: FileHandle;
  readonly #signal: AbortSignal;
  readonly #buffer = Buffer.alloc(READ_BYTES);
  #position = 0;
  #rest = Buffer.alloc(0);

  constructor(file: FileHandle, signal: AbortSignal) {
    this.#file = file;
    this.#signal = signal;
  }

  async *read(): AsyncGenerator<string> {
    if ((await this.#file.stat()).size < this.#position) this.#position = 0; // The file was truncated.
    while (!this.#signal.aborted) {
      const { bytesRead } = await this.#file.read(this.#buffer, 0, READ_BYTES, this.#position);
      if (bytesRead === 0) return;
      this.#position += bytesRead;
      const bytes = Buffer.concat([this.#rest, this.#buffer.subarray(0, bytesRead)]);
      const end = bytes.lastIndexOf(0x0a) + 1;
      const unfinished = bytes.subarray(end);
      this.#rest = unfinished.length > MAX_LINE_BYTES ? Buffer.alloc(0) : unfinished;
      if (end > 0) yield* bytes.toString('utf8', 0, end - 1).split('\n');
    }
  }
}

/** The name of lines that no function wrote. */
const GATEWAY = 'gateway';

/** The line, if it belongs to the requested function or run. */
function logLine(text: string, { of, since }: LogRequest): LogLine | undefined {
  const wanted = 'runId' in of ? of.runId : of.functionName;
  if (!text.includes(`"${wanted}"`)) return undefined; // Most lines are of others, and need no parsing.
  const fields = parseFields(text);
  if (fields === undefined || !isOf(fields, of)) return undefined;
  const timestamp = typeof fields.time === 'string' ? fields.time : new Date(0).toISOString();
  if (since !== undefined && Date.parse(timestamp) < since.getTime()) return undefined;
  const name = 'runId' in of ? nameOf(fields) : of.functionName;
  return { name, namespace: NAMESPACE, instance: INSTANCE, timestamp, text };
}

/** The function that wrote the line of a run. */
function nameOf({ function: name, step }: Record<string, unknown>): string {
  if (typeof name === 'string') return name;
  return typeof step === 'string' ? step : GATEWAY;
}

/** A line names its function as `function`, or as the `step` that it executes. */
function isOf(fields: Record<string, unknown>, of: LogRequest['of']): boolean {
  if ('runId' in of) return fields.run_id === of.runId;
  return fields.function === of.functionName || fields.step === of.functionName;
}

function parseFields(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined; // Output of a library.
  }
}
