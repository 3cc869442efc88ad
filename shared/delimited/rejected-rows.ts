/** A row that is left out, with the line of the file on which it begins (in a sheet: its row). */
export interface RejectedRow {
  line: number;
  reason: string;
}

/** Rejected rows that are listed one by one. */
export const MAX_REJECTED_SAMPLE = 20;

/** The number of rows of one file that cannot be read, and the first of them. */
export class RejectedRows {
  count = 0;
  sample: RejectedRow[] = [];

  /** `rows` is greater than 1 when a fault in this row made the rows after it unreadable, too. */
  add(row: RejectedRow, rows = 1): void {
    this.count += rows;
    if (this.sample.length < MAX_REJECTED_SAMPLE) this.sample.push(row);
  }

  /** Adds the result of another pass over the same file. */
  addAll(count: number, sample: RejectedRow[]): void {
    this.count += count;
    this.sample = [...this.sample, ...sample].sort((a, b) => a.line - b.line).slice(0, MAX_REJECTED_SAMPLE);
  }
}
