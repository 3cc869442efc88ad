import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { joinText } from '../cell-values.ts';
import type { XmlHandler } from '../xml-reader.ts';

const BLOCK_BYTES = 2 ** 16;
/** Blocks in memory that are never written, and blocks of the file that are held in memory. */
const RESIDENT_BLOCKS = 256;
const CACHED_BLOCKS = 256;
/** Texts that are kept in memory, because most tables repeat a few of them. */
const CACHED_TEXTS = 4096;
/** Each takes 8 bytes of memory. */
const MAX_TEXTS = 20_000_000;
/**
 * The texts of a workbook, which cells refer to by number (sharedStrings.xml). What exceeds 16 MiB is in a file. Cells
 * mostly refer to texts in the order in which they are stored, so few blocks of the file are read twice.
 */
export class SharedStrings implements Disposable {
  readonly file: string;
  readonly #path: string;
  #descriptor: number | undefined;
  /** The end of each text in bytes. */
  #ends = new Float64Array(2 ** 10);
  #count = 0;
  #bytes = 0;
  readonly #resident: Buffer[] = [];
  #block = Buffer.alloc(BLOCK_BYTES);
  /** The number of `#block`, which is not full. */
  #blockNumber = 0;
  readonly #cache = new Map<number, Buffer>();
  readonly #recent = new Array<{ index: number; text: string } | undefined>(CACHED_TEXTS);

  /** `file` is the name of the workbook, for messages; `path` is a file that may be created. */
  constructor(file: string, path: string) {
    this.file = file;
    this.#path = path;
  }

  add(text: string): void {
    if (this.#count >= MAX_TEXTS)
      throw new SluiceError('FILE_TOO_LARGE', `${this.file} has more than ${MAX_TEXTS} texts. Save its sheet as CSV.`, {
        details: { file: this.file, limit: MAX_TEXTS },
      });
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length;) {
      const copied = bytes.copy(this.#block, this.#bytes % BLOCK_BYTES, at);
      at += copied;
      this.#bytes += copied;
      if (this.#bytes % BLOCK_BYTES === 0) this.#storeBlock();
    }
    if (this.#count === this.#ends.length) {
      const larger = new Float64Array(this.#count * 2);
      larger.set(this.#ends);
      this.#ends = larger;
    }
    this.#ends[this.#count++] = this.#bytes;
  }

  /** The text with this number; undefined when there is none. */
  get(index: number): string | undefined {
    if (index >= this.#count) return undefined;
    const recent = this.#recent[index % CACHED_TEXTS];
    if (recent?.index === index) return recent.text;
    const parts: Buffer[] = [];
    const end = this.#ends[index] ?? 0;
    for (let from = index === 0 ? 0 : (this.#ends[index - 1] ?? 0); from < end;) {
      const block = Math.floor(from / BLOCK_BYTES);
      const to = Math.min(end, (block + 1) * BLOCK_BYTES);
      parts.push(this.#readBlock(block).subarray(from - block * BLOCK_BYTES, to - block * BLOCK_BYTES));
      from = to;
    }
    const text = (parts.length === 1 ? parts[0] : Buffer.concat(parts))?.toString() ?? '';
    this.#recent[index % CACHED_TEXTS] = { index, text };
    return text;
  }

  #storeBlock(): void {
    if (this.#blockNumber < RESIDENT_BLOCKS) {
      this.#resident.push(this.#block);
      this.#block = Buffer.alloc(BLOCK_BYTES);
    } else {
      this.#descriptor ??= openSync(this.#path, 'w+');
      const offset = (this.#blockNumber - RESIDENT_BLOCKS) * BLOCK_BYTES;
      for (let at = 0; at < BLOCK_BYTES;)
        at += writeSync(this.#descriptor, this.#block, at, BLOCK_BYTES - at, offset + at);
    }
    this.#blockNumber++;
  }

  #readBlock(number: number): Buffer {
    if (number === this.#blockNumber) return this.#block;
    const known = this.#resident[number] ?? this.#cache.get(number);
    if (known !== undefined || this.#descriptor === undefined) return known ?? Buffer.alloc(0);
    const [oldest] = this.#cache.keys();
    if (this.#cache.size >= CACHED_BLOCKS && oldest !== undefined) this.#cache.delete(oldest);
    const block = Buffer.alloc(BLOCK_BYTES);
    readSync(this.#descriptor, block, 0, BLOCK_BYTES, (number - RESIDENT_BLOCKS) * BLOCK_BYTES);
    this.#cache.set(number, block);
    return block;
  }

  [Symbol.dispose](): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
  }
}

/** Escapes of characters that XML does not allow: `_x000D_` (ECMA-376, part 1, 22.9.2.19). */
const ESCAPED_CHARACTER = /_x([0-9A-Fa-f]{4})_/g;

/** A text of XLSX without its escapes. Escapes of half a character, or of NUL, which no database stores, are kept. */
export function unescapeText(text: string): string {
  if (!text.includes('_x')) return text;
  const plain = text.replaceAll(ESCAPED_CHARACTER, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return plain.isWellFormed() && !plain.includes('\0') ? plain : text;
}

/**
 * Collects the text of `<si>` or `<is>`: plain text and runs with formats, without the phonetic hints of Japanese
 * (`<rPh>`).
 */
export class TextCollector {
  text = '';
  readonly #file: string;
  #inText = false;
  #inPhonetic = false;

  /** `file` is the name of the workbook, for messages. */
  constructor(file: string) {
    this.#file = file;
  }

  start(): void {
    this.text = '';
    this.#inText = false;
    this.#inPhonetic = false;
  }

  open(name: string): void {
    if (name === 'rPh') this.#inPhonetic = true;
    else if (name === 't') this.#inText = !this.#inPhonetic;
  }

  add(text: string): void {
    if (this.#inText) this.text = joinText(this.text, text, this.#file);
  }

  close(name: string): void {
    if (name === 'rPh') this.#inPhonetic = false;
    else if (name === 't') this.#inText = false;
  }
}

/** Reads the texts of sharedStrings.xml. */
export class SharedStringsHandler implements XmlHandler {
  readonly #strings: SharedStrings;
  readonly #collector: TextCollector;

  constructor(strings: SharedStrings) {
    this.#strings = strings;
    this.#collector = new TextCollector(strings.file);
  }

  open(name: string): void {
    if (name === 'si') this.#collector.start();
    else this.#collector.open(name);
  }

  text(text: string): void {
    this.#collector.add(text);
  }

  close(name: string): void {
    if (name === 'si') this.#strings.add(unescapeText(this.#collector.text));
    else this.#collector.close(name);
  }
}
