/**
 * Finds a member of the outermost objects of a JSON text (one object, or several as in GeoJSONSeq), of any size, a chunk at a time.
 * Only brackets, quotes and signs are looked at; everything else is stepped over. A text that is no JSON yields anything or nothing.
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
/** Bytes that mean something outside of strings. */
const SIGNS = new Uint8Array(256);
for (const sign of '"{}[],:') SIGNS[sign.charCodeAt(0)] = 1;
/** Every character of a key may be written as \uXXXX. */
const ESCAPED_CHARACTER_BYTES = 6;

/**
 * The values of the members named `name` at depth 1, as they are written, in their order. A longer one than `maxBytes` is cut after as many
 * bytes, so that it doesn't parse. `name` is ASCII.
 */
export async function* outerMembers(
  chunks: AsyncIterable<Buffer>,
  name: string,
  maxBytes: number,
): AsyncGenerator<string> {
  const scanner = new MemberScanner(name, maxBytes);
  for await (const chunk of chunks) {
    scanner.scan(chunk);
    yield* scanner.found.splice(0);
  }
}

class MemberScanner {
  readonly found: string[] = [];
  readonly #name: string;
  #depth = 0;
  #inString = false;
  #escaped = false;
  readonly #key: Capture;
  readonly #value: Capture;

  constructor(name: string, maxBytes: number) {
    this.#name = name;
    this.#key = new Capture(name.length * ESCAPED_CHARACTER_BYTES + 2);
    this.#value = new Capture(maxBytes);
  }

  scan(chunk: Buffer): void {
    let depth = this.#depth;
    let at = 0;
    this.#key.enter();
    this.#value.enter();
    while (at < chunk.length) {
      if (this.#inString) {
        at = this.#skipString(chunk, at);
        if (!this.#inString && depth === 1) this.#key.stop(chunk, at);
        continue;
      }
      while (at < chunk.length && SIGNS[chunk[at] as number] === 0) at++;
      if (at >= chunk.length) break;
      const sign = chunk[at++] as number;
      if (sign === QUOTE) {
        this.#inString = true;
        if (depth === 1 && !this.#value.isOpen) this.#key.start(at - 1);
      } else if (sign === COLON) {
        if (depth === 1 && this.#isName()) this.#value.start(at);
      } else if (sign === COMMA) {
        if (depth === 1) this.#finish(chunk, at - 1);
      } else if ((sign & 2) === 2) {
        depth++; // { and [: 0x7b and 0x5b, where } and ] are 0x7d and 0x5d.
      } else {
        if (depth === 1) this.#finish(chunk, at - 1);
        depth--;
      }
    }
    this.#depth = depth;
    this.#key.leave(chunk);
    this.#value.leave(chunk);
  }

  /** Returns the place after the string's end, or after the chunk's. */
  #skipString(chunk: Buffer, from: number): number {
    let at = from;
    if (this.#escaped && at < chunk.length) at++;
    this.#escaped = false;
    while (at < chunk.length) {
      const byte = chunk[at++];
      if (byte === QUOTE) {
        this.#inString = false;
        return at;
      }
      if (byte !== BACKSLASH) continue;
      this.#escaped = at >= chunk.length;
      at++;
    }
    return chunk.length;
  }

  #isName(): boolean {
    try {
      return JSON.parse(this.#key.text) === this.#name;
    } catch {
      return false; // Longer than the name can be, or no key at all.
    }
  }

  #finish(chunk: Buffer, at: number): void {
    if (this.#value.isOpen) this.found.push(this.#value.stop(chunk, at));
  }
}

/** Bytes between two places, which may lie in different chunks; the first `maxBytes` of them. */
class Capture {
  isOpen = false;
  readonly #maxBytes: number;
  #start = 0;
  #carried: Buffer = Buffer.alloc(0);
  #stopped: Buffer = Buffer.alloc(0);

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get text(): string {
    return this.#stopped.toString('utf8');
  }

  start(at: number): void {
    this.isOpen = true;
    this.#start = at;
    this.#carried = Buffer.alloc(0);
  }

  stop(chunk: Buffer, end: number): string {
    if (!this.isOpen) return '';
    this.isOpen = false;
    this.#stopped = this.#upTo(chunk, end);
    return this.text;
  }

  /** A new chunk begins. */
  enter(): void {
    this.#start = 0;
  }

  /** The chunk is over. */
  leave(chunk: Buffer): void {
    if (this.isOpen) this.#carried = Buffer.from(this.#upTo(chunk, chunk.length)); // A copy: the chunk may be large.
  }

  #upTo(chunk: Buffer, end: number): Buffer {
    const bytes = chunk.subarray(this.#start, Math.min(end, this.#start + this.#maxBytes - this.#carried.length));
    return this.#carried.length === 0 ? bytes : Buffer.concat([this.#carried, bytes]);
  }
}
