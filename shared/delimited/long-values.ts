/** A value in quotes with line breaks. */
interface LongValue {
  /** The line on which its row begins. */
  line: number;
  /** Line breaks in it. */
  breaks: number;
}

/** A value of more lines than this is unusual, except in a file with many of them. */
const MANY_BREAKS = 10;
/** So many lines of a value that look like rows are rows. */
const MIN_SWALLOWED = 5;

/** Counts rows with line breaks in quotes, and finds those in which a quote in a text has made rows part of a value. */
export class LongValues {
  /** Rows with a value of many lines. */
  count = 0;
  /** The value with the most lines. */
  longest: LongValue = { line: 0, breaks: 0 };
  /** Line breaks in values of the current row. */
  breaks = 0;
  /** Lines between the breaks that have as many delimiters as a row. */
  #rowLikeLines = 0;
  #delimitersInLine = 0;
  readonly #columns: number | undefined;

  /** `columns`: values in a row. */
  constructor(columns: number | undefined) {
    this.#columns = columns;
  }

  startRow(): void {
    this.breaks = 0;
  }

  addDelimiter(): void {
    this.#delimitersInLine++;
  }

  addBreak(): void {
    if (this.breaks === 0) this.#rowLikeLines = 0;
    else if (this.#delimitersInLine === (this.#columns ?? 0) - 1) this.#rowLikeLines++;
    this.breaks++;
    this.#delimitersInLine = 0;
  }

  /** Counts the row that begins on `line`. Returns the number of its lines that look like rows; 0 for few. */
  endRow(line: number): number {
    if (this.breaks >= MANY_BREAKS) {
      this.count++;
      if (this.breaks > this.longest.breaks) this.longest = { line, breaks: this.breaks };
    }
    const isSwallowed = this.#rowLikeLines >= MIN_SWALLOWED && this.#rowLikeLines === this.breaks - 1;
    return isSwallowed ? this.#rowLikeLines : 0;
  }
}
