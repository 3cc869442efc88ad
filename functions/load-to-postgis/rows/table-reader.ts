import type { Note } from '#shared/contracts/facts.ts';
import type { RowColumn } from './row-column.ts';

/** A source of rows: a key from 1, a geometry as EWKB, and the columns, in COPY BINARY without header and trailer. */
export interface TableReader {
  columns: RowColumn[];
  notes: Note[];
  /** Rows whose geometry cannot be read; complete after the last batch. Their geometry is null. */
  unreadable: UnreadableRows;
  /** Yields whole rows, in batches of about this size. */
  batches(batchBytes: number): Generator<Uint8Array<ArrayBuffer>>;
  close(): void;
}

/** Rows that a note names. */
export const MAX_NAMED_ROWS = 10;

/** Counts rows, and keeps the first ones. */
export class UnreadableRows {
  count = 0;
  readonly first: number[] = [];

  add(row: number): void {
    if (this.count++ < MAX_NAMED_ROWS) this.first.push(row);
  }
}
