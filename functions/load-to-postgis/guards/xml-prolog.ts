import { createReadStream } from 'node:fs';

/**
 * What an XML document says before its root element. A document type, and with it every entity, can stand nowhere else: after the root
 * began, parsers take it for an error. So the prolog is read to its end, however long its comments are, and the features are not.
 */

/** Why a document must not be read, in words that follow its name; undefined when it may be. */
export type Objection = string | undefined;

/** Longest XML declaration; the usual one has 40 bytes. */
const MAX_DECLARATION_BYTES = 1024;
const CHUNK_BYTES = 2 ** 16;

/** Encodings in which markup has its ASCII bytes and no other ones. UTF-7, EBCDIC, ISO-2022 and their like hide it. */
const ASCII_LIKE =
  /^(utf-?8|(us-)?ascii|iso-?8859-?\d{1,2}|iso_8859-\d{1,2}|latin-?\d|(windows-|cp)(125\d|874|932|936|949|950)|koi8-[ru]|macintosh|tis-620|shift[-_]jis|euc-(jp|kr|tw)|gb2312|gbk|gb18030|big5)$/i;

/** Reads the prolog of the document at `path`, a chunk at a time. */
export async function objectionToXml(path: string): Promise<Objection> {
  const prolog = new Prolog();
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES }) as AsyncIterable<Buffer>) {
    prolog.add(chunk);
    if (prolog.verdict !== undefined) break;
  }
  return prolog.end();
}

const UNCLEAR = 'does not begin as an XML document does';
const ENTITIES =
  'has a document type (<!DOCTYPE>), which can declare entities that refer to other files or grow without end';

const COMMENT_END = '-->';
const INSTRUCTION_END = '?>';

type Verdict = { objection: Objection };

class Prolog {
  verdict: Verdict | undefined;
  #rest = '';
  /** What ends the comment or instruction that is being read. */
  #close: string | undefined;
  #pending: Buffer[] = [];
  #decoder: ((chunk: Buffer) => string) | undefined;

  add(chunk: Buffer): void {
    if (this.#decoder === undefined) {
      this.#pending.push(chunk);
      const begin = Buffer.concat(this.#pending);
      if (begin.length < MAX_DECLARATION_BYTES) return; // The encoding may not be said yet.
      this.#begin(begin);
      return;
    }
    this.#read(this.#decoder(chunk));
  }

  /** The verdict on the document, when its last byte was added. */
  end(): Objection {
    if (this.#decoder === undefined && this.verdict === undefined) this.#begin(Buffer.concat(this.#pending));
    return (this.verdict ?? { objection: UNCLEAR }).objection;
  }

  #begin(bytes: Buffer): void {
    const decoder = decoderOf(bytes);
    this.#decoder = decoder;
    const text = decoder(bytes).replace(/^(\ufeff|\u00ef\u00bb\u00bf)/, '');
    const objection = objectionToEncoding(bytes, text.slice(0, MAX_DECLARATION_BYTES));
    if (objection === undefined) this.#read(text);
    else this.verdict = { objection };
  }

  #read(text: string): void {
    let unread = this.#rest + text;
    for (;;) {
      if (this.#close !== undefined) {
        const end = unread.indexOf(this.#close);
        this.#rest = unread.slice(1 - this.#close.length); // Its end may be divided between two chunks.
        if (end < 0) return;
        unread = unread.slice(end + this.#close.length);
      }
      unread = unread.replace(/^[ \t\r\n]+/, '');
      this.#close = unread.startsWith('<?') ? INSTRUCTION_END : unread.startsWith('<!--') ? COMMENT_END : undefined;
      this.#rest = unread;
      if (this.#close === undefined) break;
      unread = unread.slice(this.#close === COMMENT_END ? '<!--'.length : '<?'.length);
    }
    this.verdict = verdictOn(unread.slice(0, '<!--'.length));
  }
}

/** Bytes become characters one by one, unless they are UTF-16: what is looked for is ASCII. */
function decoderOf(bytes: Buffer): (chunk: Buffer) => string {
  const order = utf16Order(bytes);
  if (order === undefined) return (chunk) => chunk.toString('latin1');
  const decoder = new TextDecoder(`utf-16${order}`);
  return (chunk) => decoder.decode(chunk, { stream: true });
}

function utf16Order(bytes: Buffer): 'le' | 'be' | undefined {
  return bytes[0] === 0xff && bytes[1] === 0xfe ? 'le' : bytes[0] === 0xfe && bytes[1] === 0xff ? 'be' : undefined;
}

/** A declared encoding that is not the one in which the declaration itself was read would change the meaning of all that follows. */
function objectionToEncoding(bytes: Buffer, text: string): Objection {
  if (!/^\s*</.test(text) || text.includes('\0')) return UNCLEAR; // UTF-32, UTF-16 without its mark, EBCDIC, and what is no XML.
  if (!/^\s*<\?xml/.test(text)) return undefined;
  const end = text.indexOf('?>');
  if (end < 0) return 'has an XML declaration that does not end';
  const declaration = text.slice(0, end);
  const order = utf16Order(bytes);
  const names = [...declaration.matchAll(/encoding[^"']*(?:"([^"]*)"|'([^']*)')/gi)].map(
    (match) => match[1] ?? match[2] ?? '',
  );
  if (names.length !== [...declaration.matchAll(/encoding/gi)].length)
    return 'has an XML declaration that cannot be understood';
  const odd = names.find((name) =>
    order === undefined ? !ASCII_LIKE.test(name) : !['utf-16', `utf-16${order}`].includes(name.toLowerCase()),
  );
  return odd === undefined
    ? undefined
    : `is declared as XML in ${JSON.stringify(odd)}, which it is not, or which Sluice does not read; save it as UTF-8`;
}

/** On the first markup that is neither comment nor instruction; undefined while too little of it is there. */
function verdictOn(next: string): Verdict | undefined {
  if (next === '' || ['<', '<!', '<!-'].includes(next)) return undefined;
  if (next.startsWith('<!')) return { objection: ENTITIES };
  return { objection: /^<[A-Za-z_:\u0080-\uffff]/.test(next) ? undefined : UNCLEAR };
}
