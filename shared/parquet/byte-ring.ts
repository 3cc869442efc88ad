/**
 * A stream of bytes from one thread to another through shared memory. The writer waits without blocking its thread, so the
 * main thread stays responsive; the reader blocks, as a DuckDB table function must. Memory is bounded by the ring's size.
 */

/** Positions in the control block. Positions of bytes count from the start of the stream, modulo 2^32. */
const WRITTEN = 0;
const READ = 1;
const STATE = 2;
/** Grows with every write and with the end: what the reader sleeps on, so that no wake-up can be missed. */
const NEWS = 3;
const CONTROL_BYTES = 16;

const OPEN = 0;
const ENDED = 1;
const BROKEN = 2;

/** 4 MiB holds a good 20,000 rows of small polygons: neither side waits for the other on each row. Must be a power of two. */
const RING_BYTES = 4 * 2 ** 20;

export function createRing(bytes = RING_BYTES): SharedArrayBuffer {
  return new SharedArrayBuffer(CONTROL_BYTES + bytes);
}

/** Empties the ring for another stream. Only while nobody reads or writes it. */
export function resetRing(ring: SharedArrayBuffer): void {
  new Int32Array(ring, 0, CONTROL_BYTES / Int32Array.BYTES_PER_ELEMENT).fill(0);
}

/** The end that fills the ring. */
export class RingWriter {
  #control: Int32Array;
  #bytes: Uint8Array;

  constructor(ring: SharedArrayBuffer) {
    this.#control = new Int32Array(ring, 0, CONTROL_BYTES / Int32Array.BYTES_PER_ELEMENT);
    this.#bytes = new Uint8Array(ring, CONTROL_BYTES);
  }

  /** Resolves when all of the chunk is in the ring; rejects with the signal's reason when it aborts while the ring is full. */
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
      this.#tell();
      rest = rest.subarray(count);
    }
  }

  /** The stream is complete. */
  end(): void {
    this.#close(ENDED);
  }

  /** The stream is not complete and never will be: the reader stops. */
  break(): void {
    this.#close(BROKEN);
  }

  #close(state: number): void {
    Atomics.compareExchange(this.#control, STATE, OPEN, state);
    this.#tell();
  }

  #tell(): void {
    Atomics.add(this.#control, NEWS, 1);
    Atomics.notify(this.#control, NEWS);
  }
}

/** Resolves when the value at `index` is not `seen` any more. */
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

/** The end that empties the ring. Blocks its thread while the ring is empty. */
export class RingReader {
  #control: Int32Array;
  #bytes: Uint8Array;

  constructor(ring: SharedArrayBuffer) {
    this.#control = new Int32Array(ring, 0, CONTROL_BYTES / Int32Array.BYTES_PER_ELEMENT);
    this.#bytes = new Uint8Array(ring, CONTROL_BYTES);
  }

  /** Fills `target` with at least one byte, and says how many; 0 at the end of the stream; `broken` when the writer gave up. */
  read(target: Uint8Array): number | 'broken' {
    for (;;) {
      // News first, then the state, then the position: what was written before the end is then seen.
      const news = Atomics.load(this.#control, NEWS);
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
      Atomics.wait(this.#control, NEWS, news);
    }
  }
}
