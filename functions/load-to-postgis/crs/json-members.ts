/**
 * Finds members of the top-level objects of a JSON text of any size: one object, or several as in GeoJSONSeq. The text
 * is read in chunks. Only brackets, quotation marks, commas and colons are interpreted. For invalid JSON, the result
 * is undefined, but no error is thrown.
 *
 * Libraries were tried with 200 MB of GeoJSON. @streamparser/json 0.0.26 takes 5 times as long, stream-json 3.8.0 more
 * than 30 times. jsonc-parser 3.3.1 needs the whole text as one string, which is limited to 512 MB.
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;
/** 1 for the bytes that structure a JSON text outside of strings. */
const IS_STRUCTURAL = new Uint8Array(256);
for (const character of '"{}[],:') IS_STRUCTURAL[character.charCodeAt(0)] = 1;
/** Length of `\uXXXX`, which can encode any character of a key. */
const ESCAPED_CHARACTER_BYTES = 6;

/**
 * Yields the values of the top-level members called `name`, as they are written and in their order. A value that equals
 * the one before it is not repeated. A longer value is cut off after `maxBytes`, so that it is not valid JSON. `name`
 * must be ASCII, without quotation marks and backslashes.
 */
export async function* topLevelMembers(
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
  readonly #key: Capture;
  readonly #value: Capture;
  #last: string | undefined;
  #depth = 0;
  #inString = false;
  /** True when the previous chunk ended with a backslash in a string. */
  #escaped = false;

  constructor(name: string, maxBytes: number) {
    this.#name = name;
    this.#key = new Capture(name.length * ESCAPED_CHARACTER_BYTES + 2);
    this.#value = new Capture(maxBytes);
  }

  scan(chunk: Buffer): void {
    this.#key.startChunk();
    this.#value.startChunk();
    let at = 0;
    while (at < chunk.length) {
      if (this.#inString) {
        at = this.#skipString(chunk, at);
        if (!this.#inString && this.#depth === 1) this.#key.stop(chunk, at);
        continue;
      }
      while (at < chunk.length && IS_STRUCTURAL[chunk[at] as number] === 0) at++;
      if (at >= chunk.length) break;
      this.#handle(chunk, at);
      at++;
    }
    this.#key.endChunk(chunk);
    this.#value.endChunk(chunk);
  }

  /** Handles the structural byte at `at`. */
  #handle(chunk: Buffer, at: number): void {
    const byte = chunk[at] as number;
    if (byte === QUOTE) {
      this.#inString = true;
      if (this.#depth === 1 && !this.#value.isOpen) this.#key.start(at);
    } else if (byte === COLON) {
      if (this.#depth === 1 && this.#isName()) this.#value.start(at + 1);
    } else if (byte === COMMA) {
      if (this.#depth === 1) this.#endMember(chunk, at);
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      this.#depth++;
    } else {
      if (this.#depth === 1) this.#endMember(chunk, at);
      this.#depth--;
    }
  }

  /** Returns the position after the end of the string, or the length of the chunk if the string does not end in it. */
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
    const { text } = this.#key;
    if (!text.includes('\\')) return text === `"${this.#name}"`;
    try {
      return JSON.parse(text) === this.#name;
    } catch {
      return false; // The key is longer than the name, or it is not a string.
    }
  }

  #endMember(chunk: Buffer, at: number): void {
    if (!this.#value.isOpen) return;
    const value = this.#value.stop(chunk, at);
    if (value !== this.#last) this.found.push(value);
    this.#last = value;
  }
}

/** Collects the bytes between two positions, which can be in different chunks, up to `maxBytes`. */
class Capture {
  isOpen = false;
  readonly #maxBytes: number;
  #start = 0;
  /** Bytes of earlier chunks that belong to an unfinished value. */
  #earlier: Buffer = Buffer.alloc(0);
  #captured: Buffer = Buffer.alloc(0);

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get text(): string {
    return this.#captured.toString('utf8');
  }

  start(at: number): void {
    this.isOpen = true;
    this.#start = at;
    this.#earlier = Buffer.alloc(0);
  }

  stop(chunk: Buffer, end: number): string {
    if (!this.isOpen) return '';
    this.isOpen = false;
    this.#captured = this.#bytesUpTo(chunk, end);
    return this.text;
  }

  startChunk(): void {
    this.#start = 0;
  }

  endChunk(chunk: Buffer): void {
    // Copy the bytes: a view would keep the whole chunk in memory.
    if (this.isOpen) this.#earlier = Buffer.from(this.#bytesUpTo(chunk, chunk.length));
  }

  #bytesUpTo(chunk: Buffer, end: number): Buffer {
    const bytes = chunk.subarray(this.#start, Math.min(end, this.#start + this.#maxBytes - this.#earlier.length));
    return this.#earlier.length === 0 ? bytes : Buffer.concat([this.#earlier, bytes]);
  }
}
