/**
 * A stream of bytes from one thread to another through a ring buffer in shared memory. The writer waits asynchronously,
 * because it runs in the main thread. The reader blocks its thread, because a DuckDB table function is synchronous.
 */

/** Indexes in the control block. WRITTEN and READ are positions in the stream, modulo 2^32. */
const WRITTEN = 0;
const READ = 1;
const STATE = 2;
/** Increases with every write and at the end. The reader waits for a change of it, so that it misses neither. */
const CHANGES = 3;
const CONTROL_BYTES = 16;

const OPEN = 0;
const ENDED = 1;
const BROKEN = 2;

/**
 * Holds about 20,000 rows of small polygons, so that the threads rarely wait for each other. Must be a power of two.
 */
const RING_BYTES = 4 * 2 ** 20;

export function createRing(bytes = RING_BYTES): SharedArrayBuffer {
  return new SharedArrayBuffer(CONTROL_BYTES + bytes);
}

/** Empties the ring for another stream. It must not be in use. */
export function resetRing(ring: SharedArrayBuffer): void {
  new Int32Array(ring, 0, CONTROL_BYTES / Int32Array.BYTES_PER_ELEMENT).fill(0);
}

/** Writes to a ring. */
export class RingWriter {
  #control: Int32Array;
  #bytes: Uint8Array;

  constructor(ring: SharedArrayBuffer) {
    this.#control = new Int32Array(ring, 0, CONTROL_BYTES / Int32Array.BYTES_PER_ELEMENT);
    this.#bytes = new Uint8Array(ring, CONTROL_BYTES);
  }

  /** Resolves when the whole chunk is in the ring. Rejects with the signal's reason when the signal aborts. */
  async write(chunk: Uint8Array, signal: AbortSignal): Promise<void> {
    let rest = chunk;
    while (rest.length > 0) {
      signal.throwIfAborted();
      const written = Atomics.load(this.#control, WRITTEN);
      const read = Atomics.load(this.#control, READ);
      const free = this.#bytes.length - ((written - read) >>> 0);
      if (free === 0) {
        await changed(this.#control, READ, read, signal);
        continue;
      }
      const start = (written >>> 0) & (this.#bytes.length - 1);
      const count = Math.min(free, rest.length, this.#bytes.length - start);
      this.#bytes.set(rest.subarray(0, count), start);
      Atomics.store(this.#control, WRITTEN, (written + count) | 0);
      this.#notify();
      rest = rest.subarray(count);
    }
  }

  /** Ends a complete stream. */
  end(): void {
    this.#close(ENDED);
  }

  /** Ends an incomplete stream. The reader gets `broken`. */
  break(): void {
    this.#close(BROKEN);
  }

  #close(state: number): void {
    Atomics.compareExchange(this.#control, STATE, OPEN, state);
    this.#notify();
  }

  #notify(): void {
    Atomics.add(this.#control, CHANGES, 1);
    Atomics.notify(this.#control, CHANGES);
  }
}

/** Resolves when the value at `index` differs from `seen`. */
async function changed(control: Int32Array, index: number, seen: number, signal: AbortSignal): Promise<void> {
  const wait = Atomics.waitAsync(control, index, seen);
  if (!wait.async) return;
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason as unknown);
  signal.addEventListener('abort', abort, { once: true });
  try {
    await Promise.race([wait.value, promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** Reads from a ring. Blocks its thread while the ring is empty. */
export class RingReader {
  #control: Int32Array;
  #bytes: Uint8Array;

  constructor(ring: SharedArrayBuffer) {
    this.#control = new Int32Array(ring, 0, CONTROL_BYTES / Int32Array.BYTES_PER_ELEMENT);
    this.#bytes = new Uint8Array(ring, CONTROL_BYTES);
  }

  /**
   * Reads at least one byte into `target` and returns their number; 0 at the end of the stream, `broken` after
   * `break()`.
   */
  read(target: Uint8Array): number | 'broken' {
    for (;;) {
      // The order of the loads matters: bytes that were written before the end are read before the state ENDED is acted
      // on.
      const changes = Atomics.load(this.#control, CHANGES);
      const state = Atomics.load(this.#control, STATE);
      const read = Atomics.load(this.#control, READ);
      const written = Atomics.load(this.#control, WRITTEN);
      if (state === BROKEN) return 'broken';
      const available = (written - read) >>> 0;
      if (available > 0) {
        const start = (read >>> 0) & (this.#bytes.length - 1);
        const count = Math.min(available, target.length, this.#bytes.length - start);
        target.set(this.#bytes.subarray(start, start + count));
        Atomics.store(this.#control, READ, (read + count) | 0);
        Atomics.notify(this.#control, READ);
        return count;
      }
      if (state === ENDED) return 0;
      Atomics.wait(this.#control, CHANGES, changes);
    }
  }
}
