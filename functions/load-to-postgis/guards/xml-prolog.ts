import { utf16Of } from '#shared/text/utf8.ts';
import { readChunks } from '#shared/streams/file-streams.ts';

/**
 * Checks the prolog of an XML document: everything before its root element. A document type declaration, and with it
 * every entity, can occur only there; parsers reject one that follows. The prolog is read to its end, even when its
 * comments are long, and the rest of the document is not read.
 *
 * saxes 6.0.0 was tried: it keeps each comment in memory, fails for a comment of 512 MB, and takes 5 times as long.
 */

/** Why a document is rejected, with advice, to follow its name in a message; undefined when it is accepted. */
export type RejectionReason = string | undefined;

/** Limit for the XML declaration, which usually has 40 bytes. */
const MAX_DECLARATION_BYTES = 1024;
/** Limit for comments and instructions before the root element. */
const MAX_PROLOG_BYTES = 16 * 2 ** 20;
const CHUNK_BYTES = 2 ** 16;
/** White space as XML defines it. */
const BLANKS = /[ \t\r\n]*/y;

/**
 * Encodings in which markup has its ASCII bytes, and in which these bytes mean nothing else. Other encodings, such as
 * UTF-7, EBCDIC and ISO-2022, would hide markup from this check.
 */
const ASCII_COMPATIBLE =
  /^(utf-?8|(us-)?ascii|iso-?8859-?\d{1,2}|iso_8859-\d{1,2}|latin-?\d|(windows-|cp)(125\d|874|932|936|949|950)|koi8-[ru]|macintosh|tis-620|shift[-_]jis|euc-(jp|kr|tw)|gb2312|gbk|gb18030|big5)$/i;

const NOT_XML = 'does not start like an XML document. Export it again as XML in UTF-8.';
const DOCUMENT_TYPE =
  'has a document type declaration (<!DOCTYPE>), which can declare entities that refer to other files ' +
  'or expand without limit. Remove the declaration.';

const TOO_LONG = `has more than ${MAX_PROLOG_BYTES} bytes before its root element. Remove the comments.`;

const COMMENT_START = '<!--';
const COMMENT_END = '-->';
const INSTRUCTION_START = '<?';
const INSTRUCTION_END = '?>';

/** Reads the prolog of the document at `path` in chunks and returns the reason to reject the document, if any. */
export async function reasonToRejectXml(path: string, signal?: AbortSignal): Promise<RejectionReason> {
  const reader = new PrologReader();
  const chunks = readChunks(path, { highWaterMark: CHUNK_BYTES, signal });
  for await (const chunk of chunks) {
    reader.add(chunk);
    if (reader.result !== undefined) break;
  }
  return reader.end();
}

/** An object, because `undefined` means that the result is not yet certain. */
type PrologResult = { reason: RejectionReason };

class PrologReader {
  result: PrologResult | undefined;
  #unread = '';
  /** The end mark of the comment or instruction that is being skipped. */
  #endMark: string | undefined;
  /** The bytes before the encoding is certain. */
  #start: Buffer = Buffer.alloc(0);
  #decode: ((chunk: Buffer) => string) | undefined;
  #bytes = 0;
  /** The position in #unread up to which it is skipped. */
  #at = 0;

  add(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > MAX_PROLOG_BYTES) this.result = { reason: TOO_LONG };
    if (this.result !== undefined) return;
    if (this.#decode !== undefined) return this.#read(this.#decode(chunk));
    this.#start = Buffer.concat([this.#start, chunk]);
    if (this.#start.length >= MAX_DECLARATION_BYTES) this.#readStart();
  }

  /** The result after the last byte of the document. */
  end(): RejectionReason {
    if (this.#decode === undefined) this.#readStart();
    return (this.result ?? { reason: NOT_XML }).reason;
  }

  #readStart(): void {
    const utf16 = utf16Of(this.#start);
    this.#decode = decoderFor(utf16);
    const text = this.#decode(this.#start).replace(/^(\ufeff|\u00ef\u00bb\u00bf)/, '');
    const reason = reasonToRejectEncoding(text.slice(0, MAX_DECLARATION_BYTES), utf16);
    if (reason === undefined) this.#read(text);
    else this.result = { reason };
  }

  #read(text: string): void {
    this.#unread = this.#unread.slice(this.#at) + text;
    this.#at = 0;
    while (this.#skipToEndMark()) {
      BLANKS.lastIndex = this.#at;
      BLANKS.test(this.#unread);
      this.#at = BLANKS.lastIndex;
      if (this.#unread.startsWith(INSTRUCTION_START, this.#at)) this.#skipFrom(INSTRUCTION_START, INSTRUCTION_END);
      else if (this.#unread.startsWith(COMMENT_START, this.#at)) this.#skipFrom(COMMENT_START, COMMENT_END);
      else break;
    }
    if (this.#endMark === undefined)
      this.result = classifyMarkup(this.#unread.slice(this.#at, this.#at + COMMENT_START.length));
  }

  #skipFrom(startMark: string, endMark: string): void {
    this.#at += startMark.length;
    this.#endMark = endMark;
  }

  /** Skips the open comment or instruction. Returns false when it does not end in the text read so far. */
  #skipToEndMark(): boolean {
    if (this.#endMark === undefined) return true;
    const end = this.#unread.indexOf(this.#endMark, this.#at);
    if (end < 0) {
      this.#at = Math.max(this.#at, this.#unread.length - this.#endMark.length + 1); // The mark can span two chunks.
      return false;
    }
    this.#at = end + this.#endMark.length;
    this.#endMark = undefined;
    return true;
  }
}

type Utf16 = ReturnType<typeof utf16Of>;

/** Decodes UTF-16, and every other encoding byte by byte: the markup that is searched for is ASCII. */
function decoderFor(utf16: Utf16): (chunk: Buffer) => string {
  if (utf16 === undefined) return (chunk) => chunk.toString('latin1');
  const decoder = new TextDecoder(utf16);
  return (chunk) => decoder.decode(chunk, { stream: true });
}

/** Rejects a declared encoding that differs from the one used to read the declaration: GDAL would read another text. */
function reasonToRejectEncoding(text: string, utf16: Utf16): RejectionReason {
  // UTF-32, UTF-16 without a byte order mark, EBCDIC, or another format.
  if (!/^\s*</.test(text) || text.includes('\0')) return NOT_XML;
  if (!/^\s*<\?xml/.test(text)) return undefined;
  const end = text.indexOf(INSTRUCTION_END);
  if (end < 0) return 'has an unterminated XML declaration. Correct the declaration.';
  const declaration = text.slice(0, end);
  const encodings = [...declaration.matchAll(/encoding[^"']*(?:"([^"]*)"|'([^']*)')/gi)].map(
    (match) => match[1] ?? match[2] ?? '',
  );
  if (encodings.length !== [...declaration.matchAll(/encoding/gi)].length)
    return 'has a malformed XML declaration. Correct the declaration.';
  const rejected = encodings.find((encoding) => !isReadAs(encoding, utf16));
  if (rejected === undefined) return undefined;
  return `declares the encoding ${JSON.stringify(rejected)}, which is wrong or not supported. Save it as UTF-8.`;
}

function isReadAs(encoding: string, utf16: Utf16): boolean {
  if (utf16 === undefined) return ASCII_COMPATIBLE.test(encoding);
  return ['utf-16', utf16].includes(encoding.toLowerCase());
}

/** The result for the first markup other than comments and instructions; undefined while too few are read. */
function classifyMarkup(start: string): PrologResult | undefined {
  if (['', '<', '<!', '<!-'].includes(start)) return undefined;
  if (start.startsWith('<!')) return { reason: DOCUMENT_TYPE };
  return { reason: /^<[A-Za-z_:\u0080-\uffff]/.test(start) ? undefined : NOT_XML };
}
