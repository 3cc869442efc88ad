import { isUtf8 } from 'node:buffer';
import { SluiceError } from '#shared/errors/sluice-error.ts';

const UTF8 = /^utf-?8$/i;
const UTF8_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
const NEWLINE = 0x0a;

/**
 * A decoder that throws for bytes that are not valid in its encoding. Throws ENCODING_INVALID for an unknown encoding.
 */
export function decoderOf(encoding: string, file: string): TextDecoder {
  try {
    return new TextDecoder(encoding, { fatal: true });
  } catch (cause) {
    throw new SluiceError(
      'ENCODING_INVALID',
      `${file} has the unknown encoding ${JSON.stringify(encoding)}. ` +
        'Use the name of an encoding, such as UTF-8, ISO-8859-1 or windows-1252.',
      { cause, details: { file, encoding } },
    );
  }
}

/** The encoding of a text with a byte order mark of UTF-16; undefined without one. */
export function utf16Of(head: Uint8Array): 'utf-16le' | 'utf-16be' | undefined {
  if (head[0] === 0xff && head[1] === 0xfe) return 'utf-16le';
  return head[0] === 0xfe && head[1] === 0xff ? 'utf-16be' : undefined;
}

/**
 * Converts a text to UTF-8 without a byte order mark, in chunks. `encoding` is the declared encoding. Without one, a
 * text with a byte order mark of UTF-16 is UTF-16, all others are UTF-8. Throws ENCODING_INVALID, for UTF-8 with the
 * line.
 */
export async function* asUtf8(
  chunks: AsyncIterable<Buffer>,
  encoding: string | undefined,
  file: string,
): AsyncGenerator<Buffer> {
  let text: Utf8Check | Transcoder | undefined;
  let head: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    if (text !== undefined) yield text.push(chunk);
    else {
      head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
      if (head.length < UTF8_MARK.length) continue;
      text = openText(head, encoding, file);
      yield text.push(head);
    }
  }
  if (text === undefined) {
    text = openText(head, encoding, file);
    yield text.push(head);
  }
  yield text.end();
}

function openText(head: Buffer, encoding: string | undefined, file: string): Utf8Check | Transcoder {
  const declared = encoding ?? utf16Of(head);
  return declared === undefined || UTF8.test(declared) ? new Utf8Check(file) : new Transcoder(declared, file);
}

class Transcoder {
  readonly #decoder: TextDecoder;
  readonly #encoding: string;
  readonly #file: string;

  constructor(encoding: string, file: string) {
    this.#decoder = decoderOf(encoding, file);
    this.#encoding = encoding;
    this.#file = file;
  }

  push(chunk: Buffer): Buffer {
    return this.#decode(() => this.#decoder.decode(chunk, { stream: true }));
  }

  end(): Buffer {
    return this.#decode(() => this.#decoder.decode());
  }

  #decode(text: () => string): Buffer {
    try {
      return Buffer.from(text());
    } catch (cause) {
      throw new SluiceError(
        'ENCODING_INVALID',
        `${this.#file} is not valid text in the encoding ${this.#encoding}. Correct \`encoding\` in the manifest.`,
        { cause, details: { file: this.#file, encoding: this.#encoding } },
      );
    }
  }
}

/** Checks UTF-8 and returns it unchanged. A character that two chunks divide is returned with the second one. */
class Utf8Check {
  #cut: Buffer = Buffer.alloc(0);
  #started = false;
  #lines = 1;
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  push(chunk: Buffer): Buffer {
    let bytes = this.#cut.length === 0 ? chunk : Buffer.concat([this.#cut, chunk]);
    if (!this.#started && bytes.subarray(0, UTF8_MARK.length).equals(UTF8_MARK))
      bytes = bytes.subarray(UTF8_MARK.length);
    this.#started ||= bytes.length > 0;
    const whole = bytes.length - cutLength(bytes);
    this.#cut = bytes.subarray(whole);
    return this.#checked(bytes.subarray(0, whole));
  }

  end(): Buffer {
    return this.#checked(this.#cut);
  }

  #checked(bytes: Buffer): Buffer {
    if (!isUtf8(bytes)) throw this.#invalid(bytes);
    this.#lines += countLines(bytes);
    return bytes;
  }

  #invalid(bytes: Buffer): SluiceError {
    let line = this.#lines;
    let start = 0;
    for (
      let end = bytes.indexOf(NEWLINE);
      end >= 0 && isUtf8(bytes.subarray(start, end));
      end = bytes.indexOf(NEWLINE, start)
    ) {
      start = end + 1;
      line++;
    }
    return new SluiceError(
      'ENCODING_INVALID',
      `Line ${line} of ${this.#file} is not valid UTF-8. ` +
        'Set `encoding` of the file in the manifest, such as windows-1252 or UTF-16LE.',
      { details: { file: this.#file, line } },
    );
  }
}

/** The number of bytes of an incomplete character at the end, 0 to 3. */
function cutLength(bytes: Buffer): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) > back ? back : 0;
  }
  return 0;
}

function countLines(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) count++;
  return count;
}
