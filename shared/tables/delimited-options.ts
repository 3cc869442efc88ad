/** How the scanner reads delimited text (scan-delimited.ts). */
export interface DelimitedOptions {
  /** One ASCII character. Several spaces are one delimiter. */
  delimiter: string;
  /** Values in a row. Undefined accepts rows of any length. */
  columns: number | undefined;
  /** The scan stops in a row with more values. No limit by default. */
  maxColumns?: number;
  /** Rows that begin on a line up to this one are left out: titles and names. 0 by default. */
  skipThrough?: number;
  /** Texts that mean "no value" where they are not quoted. */
  nullValues: readonly string[];
  /** Whether values can be in quotes. Undefined accepts quotes, but rejects a value that seems to hold other rows. */
  quotes?: boolean | undefined;
  /** A line that begins with this character is left out. */
  comment?: string | undefined;
  /** Whether the spaces after a delimiter are left out. */
  stripBlanks?: boolean;
  /** The number of the first line; 1 by default. */
  firstLine?: number;
}
