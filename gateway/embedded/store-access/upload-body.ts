import { createHash } from 'node:crypto';
import { IncomingMessage } from 'node:http';
import { Transform, type TransformCallback } from 'node:stream';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { ignoreError } from '#shared/streams/file-streams.ts';

/** Longest line between two chunks: a size, and a signature of 64 digits. */
const MAX_LINE_BYTES = 4096;
const LINE_FEED = 0x0a;

/**
 * The transforms from the body of an upload to the content of the object: they remove the chunk framing that MinIO's
 * client sends over HTTP, or compare the content with its signed SHA-256. The signatures of single chunks are not
 * verified, because the connection does not leave this machine. They fail with REQUEST_INVALID.
 */
export function bodyTransforms(body: unknown): Transform[] {
  if (!(body instanceof IncomingMessage)) return [];
  const { 'x-amz-content-sha256': hash = '', 'x-amz-decoded-content-length': size } = body.headers;
  if (typeof hash !== 'string') return [];
  if (hash.startsWith('STREAMING-')) return [new ChunkDecoder(Number(size)).on('error', ignoreError)];
  return /^[0-9a-f]{64}$/.test(hash) ? [hashCheck(hash)] : [];
}

/** The header Content-Encoding without the value for the chunk framing. Undefined if there is no other value. */
export function contentEncoding(header: string): string | undefined {
  const encodings = header.split(',').map((encoding) => encoding.trim());
  return encodings.filter((encoding) => encoding !== 'aws-chunked').join(',') || undefined;
}

function hashCheck(expected: string): Transform {
  const hash = createHash('sha256');
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
    flush(done) {
      const isSame = hash.digest('hex') === expected;
      done(isSame ? null : invalidBody('The SHA-256 of the body differs from x-amz-content-sha256.'));
    },
  }).on('error', ignoreError);
}

/**
 * Decodes `SIZE;chunk-signature=…\r\nDATA\r\n … 0;chunk-signature=…\r\n` with optional trailers
 * (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html).
 */
class ChunkDecoder extends Transform {
  readonly #size: number;
  #line = '';
  /** Bytes of the current chunk that were not received yet. */
  #missing = 0;
  #received = 0;
  #state: 'line' | 'data' | 'end' = 'line';

  /** `size` is the decoded length that the client declared. */
  constructor(size: number) {
    super();
    this.#size = size;
  }

  override _transform(bytes: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    let rest = bytes;
    try {
      while (rest.length > 0 && this.#state !== 'end')
        rest = this.#state === 'data' ? this.#readData(rest) : this.#readLine(rest);
      done();
    } catch (thrown) {
      done(thrown as Error);
    }
  }

  override _flush(done: TransformCallback): void {
    const isComplete = this.#state === 'end' && this.#received === this.#size;
    done(isComplete ? null : invalidBody(`The body has ${this.#received} of ${this.#size} decoded bytes.`));
  }

  #readData(bytes: Buffer): Buffer {
    const data = bytes.subarray(0, this.#missing);
    this.push(data);
    this.#received += data.length;
    this.#missing -= data.length;
    if (this.#missing === 0) this.#state = 'line';
    return bytes.subarray(data.length);
  }

  #readLine(bytes: Buffer): Buffer {
    const end = bytes.indexOf(LINE_FEED);
    this.#line += bytes.toString('latin1', 0, end < 0 ? bytes.length : end);
    if (this.#line.length > MAX_LINE_BYTES) throw invalidBody('The header of a chunk is too long.');
    if (end < 0) return bytes.subarray(bytes.length);
    const line = this.#line.trim();
    this.#line = '';
    if (line !== '') this.#beginChunk(line); // An empty line ends the data of a chunk.
    return bytes.subarray(end + 1);
  }

  #beginChunk(line: string): void {
    const [digits = ''] = line.split(';');
    if (!/^[0-9a-fA-F]{1,12}$/.test(digits)) throw invalidBody('The size of a chunk is not a hexadecimal number.');
    this.#missing = Number.parseInt(digits, 16);
    this.#state = this.#missing === 0 ? 'end' : 'data';
  }
}

/** An error with the properties that Koa converts to status 400 with the message. */
function invalidBody(message: string): Error {
  return Object.assign(new SluiceError('REQUEST_INVALID', message), { status: 400, expose: true });
}
