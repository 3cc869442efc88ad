/** What the attribute table asks its worker, and the answers. */

export const OPERATORS = ['contains', 'equals', 'at least', 'at most', 'is empty', 'is not empty'] as const;
export type Operator = (typeof OPERATORS)[number];

export interface RowQuery {
  sort?: { column: string; descending: boolean };
  filter?: { column: string; operator: Operator; text: string };
}

export interface PageQuery extends RowQuery {
  /** First row of the page within the result, from 0. */
  offset: number;
  limit: number;
}

export interface TableRow {
  /** Number of the row in the file, from 0. */
  row: number;
  /** Cell texts in the order of the columns. A null value is null. */
  cells: (string | null)[];
}

export interface TablePage {
  rows: TableRow[];
  /** Rows of the result. */
  total: number;
  /** How many rows of the file were sorted and filtered. */
  searched: number;
}

export interface ColumnInfo {
  name: string;
  type: string;
  isNumeric: boolean;
  /** A nested column is shown, but cannot be sorted and filtered. */
  isNested: boolean;
}

export interface OpenedTable {
  columns: ColumnInfo[];
  rowCount: number;
}

export interface ColumnSummary {
  /** Undefined if the file does not contain the number. */
  nulls: number | undefined;
  min: string | undefined;
  max: string | undefined;
  /** Counts of equal intervals from `from` to `to`. */
  histogram: { counts: number[]; from: string; to: string } | undefined;
  /** The most frequent values, and how many different ones the sample has. */
  frequent: { values: { text: string; count: number }[]; distinct: number } | undefined;
  /** Rows that the histogram and the frequent values count. */
  sampled: number;
}
