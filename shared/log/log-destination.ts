import { write as writeToFd, writeSync } from 'node:fs';
import { isDiskFull } from '#shared/errors/system-failure.ts';

/** Lines that are kept in memory while the destination cannot be written. Later lines are dropped and counted. */
const MAX_PENDING_BYTES = 2 ** 20;
/** Delay before a failed write is repeated. */
const RETRY_MS = 1_000;
/** How often a busy pipe is written again when the process exits, and the pause before each attempt. */
const EXIT_ATTEMPTS = 10;
const EXIT_PAUSE_MS = 20;
/** Errors after which no later write can succeed: the reader of the pipe has ended, or the descriptor is closed. */
const CLOSED = new Set(['EPIPE', 'EBADF']);
/** A pipe whose reader is slow. This is not a failure. */
const BUSY = new Set(['EAGAIN', 'EBUSY']);

type WriteDone = (error: NodeJS.ErrnoException | null, written: number) => void;

export interface LogDestinationOptions {
  fd: number;
  /** The subject of the message to `onFailure`, such as `the log file /srv/sluice.log`. */
  name: string;
  /** Called once when writing begins to fail, with a sentence for the user. */
  onFailure: (message: string) => void;
  /** Called when writing succeeds again, with the number of dropped lines. */
  onRecovery: (dropped: number) => void;
  /** Replaces fs.write in tests. */
  write?: (fd: number, bytes: Buffer, done: WriteDone) => void;
  retryMs?: number;
}

/**
 * Destination of a logger: writes lines asynchronously and in order. No error of the destination ends or blocks the
 * process. While the disk is full, up to MAX_PENDING_BYTES are kept, later lines are dropped and counted, and the write
 * is repeated until it succeeds. A partly written line is completed first.
 *
 * sonic-boom 4.2.1, the usual destination of pino, emits an error that ends the process. Its flushSync, which pino
 * calls at exit and for fatal messages, repeats a failing write without end.
 */
export class LogDestination {
  readonly #options: LogDestinationOptions;
  /** Lines that are not yet passed to the operating system. */
  #pending: Buffer[] = [];
  /** Bytes of #pending and of the write in progress. */
  #unwrittenBytes = 0;
  #dropped = 0;
  #isWriting = false;
  #isFailing = false;
  #isClosed = false;

  constructor(options: LogDestinationOptions) {
    this.#options = options;
  }

  write(line: string): void {
    if (this.#isClosed) return;
    const bytes = Buffer.from(line);
    if (this.#unwrittenBytes + bytes.length > MAX_PENDING_BYTES) {
      this.#dropped += 1;
      return;
    }
    this.#pending.push(bytes);
    this.#unwrittenBytes += bytes.length;
    UNWRITTEN.add(this);
    if (!this.#isWriting) this.#writePending();
  }

  /** Writes the pending lines before the process ends. Gives up at an error. */
  flushSync(): void {
    for (let attempt = 0; attempt < EXIT_ATTEMPTS && this.#pending.length > 0;) {
      const chunk = Buffer.concat(this.#pending);
      this.#pending = [];
      try {
        this.#keepRest(chunk, writeSync(this.#options.fd, chunk));
      } catch (thrown) {
        this.#keepRest(chunk, 0);
        if (!BUSY.has((thrown as NodeJS.ErrnoException).code ?? '')) return;
        attempt += 1;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, EXIT_PAUSE_MS);
      }
    }
  }

  #writePending(): void {
    const chunk = Buffer.concat(this.#pending);
    this.#pending = [];
    this.#isWriting = true;
    const { fd, write = writeToFd } = this.#options;
    write(fd, chunk, (error, written) => {
      this.#keepRest(chunk, error === null ? written : 0);
      if (error !== null) return this.#handleError(error);
      this.#isWriting = false;
      if (this.#isFailing) this.#recover();
      if (this.#pending.length > 0) this.#writePending();
      else UNWRITTEN.delete(this);
    });
  }

  #keepRest(chunk: Buffer, written: number): void {
    this.#unwrittenBytes -= written;
    if (written < chunk.length) this.#pending.unshift(chunk.subarray(written));
  }

  /** #isWriting stays true until the write is repeated, so that lines are only collected. */
  #handleError(error: NodeJS.ErrnoException): void {
    const { code = '' } = error;
    if (CLOSED.has(code)) {
      this.#isClosed = true;
      this.#pending = [];
      UNWRITTEN.delete(this);
      return;
    }
    if (!this.#isFailing && !BUSY.has(code)) {
      this.#isFailing = true;
      this.#options.onFailure(describe(error, this.#options.name));
    }
    // Without unref, a full disk would keep the process running.
    setTimeout(() => this.#writePending(), this.#options.retryMs ?? RETRY_MS).unref();
  }

  #recover(): void {
    const dropped = this.#dropped;
    this.#isFailing = false;
    this.#dropped = 0;
    this.#options.onRecovery(dropped);
  }
}

function describe(error: Error, name: string): string {
  const [code, reason] = isDiskFull(error) ? ['DISK_FULL: ', 'the disk is full'] : ['', error.message];
  return `${code}Could not write to ${name}: ${reason}. Log lines are dropped until it can be written again.`;
}

/** Destinations with lines to write when the process exits. */
const UNWRITTEN = new Set<LogDestination>();
process.on('exit', () => {
  for (const destination of UNWRITTEN) destination.flushSync();
});
