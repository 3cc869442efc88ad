/** A row with line breaks in quotes. */
interface LongRow {
  /** The line on which it begins. */
  line: number;
  /** Number of line breaks in the values of the row. */
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
  /** The row with the most line breaks. */
  longest: LongRow = { line: 0, breaks: 0 };
  /** Rows of several lines that all have as many delimiters as a row, and the first of them. */
  readonly rowLike = { count: 0, first: { line: 0, breaks: 0 } };
  /** Line breaks in values of the current row. */
  breaks = 0;
  /** Lines between the breaks that have as many delimiters as a row. */
  #rowLikeLines = 0;
  #isFirstRowLike = false;
  #delimitersInLine = 0;
  /** Values of the row before the current line. */
  #fieldsBefore = 1;
  readonly #columns: number | undefined;

  /** `columns` is the number of values in a row. */
  constructor(columns: number | undefined) {
    this.#columns = columns;
  }

  startRow(): void {
    this.breaks = 0;
    this.#delimitersInLine = 0;
    this.#fieldsBefore = 1;
  }

  /** Counts a delimiter in quotes. */
  addDelimiter(): void {
    this.#delimitersInLine++;
  }

  /** Counts a line break in quotes, in the value with this number. */
  addBreak(fields: number): void {
    const isRowLike = this.#isRowLike(fields);
    if (this.breaks === 0) {
      this.#rowLikeLines = 0;
      this.#isFirstRowLike = isRowLike;
    } else if (isRowLike) this.#rowLikeLines++;
    this.breaks++;
    this.#delimitersInLine = 0;
    this.#fieldsBefore = fields;
  }

  /**
   * Counts the row that begins on `line` and has so many values. Returns the number of its lines that look like rows; 0
   * for few.
   */
  endRow(line: number, fields: number): number {
    const row = { line, breaks: this.breaks };
    if (this.breaks >= MANY_BREAKS) {
      this.count++;
      if (this.breaks > this.longest.breaks) this.longest = row;
    }
    const isInnerRowLike = this.#rowLikeLines === this.breaks - 1;
    if (isInnerRowLike && this.#rowLikeLines >= MIN_SWALLOWED) return this.#rowLikeLines;
    if (isInnerRowLike && this.#isFirstRowLike && this.#isRowLike(fields) && this.rowLike.count++ === 0)
      this.rowLike.first = row;
    return 0;
  }

  /** Whether the current line has as many delimiters, in quotes or not, as a row of several values. */
  #isRowLike(fields: number): boolean {
    const delimiters = this.#delimitersInLine + fields - this.#fieldsBefore;
    return delimiters > 0 && delimiters + 1 === this.#columns;
  }
}
