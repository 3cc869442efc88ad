const LF = 0x0a;
const CR = 0x0d;

/** A position in a text, from 1. */
export interface TextPosition {
  line: number;
  column: number;
}

/** Converts offsets of a text to lines and columns. LF, CR LF or CR ends a line. The text is read once. */
export class TextLines {
  /** The offset of the first character of each line. */
  readonly #starts: number[] = [0];

  constructor(text: string) {
    for (let at = 0; at < text.length; at++) {
      const character = text.charCodeAt(at);
      if (character === LF || (character === CR && text.charCodeAt(at + 1) !== LF)) this.#starts.push(at + 1);
    }
  }

  positionOf(offset: number): TextPosition {
    // Binary search: `low` is a line that starts at or before the offset, `high` is one that starts after it.
    let low = 0;
    let high = this.#starts.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if ((this.#starts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return { line: low + 1, column: offset - (this.#starts[low] ?? 0) + 1 };
  }
}
