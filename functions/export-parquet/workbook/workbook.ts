import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { SheetWriter, WrittenSheet } from './sheet-writer.ts';

/** Sheets of a workbook that are listed; real workbooks have far fewer. */
export const MAX_SHEETS = 10_000;
/** Groups of hidden columns that are counted. */
export const MAX_HIDDEN_RANGES = 1_000;

/** A workbook to read. */
export interface WorkbookFile {
  path: string;
  /** The name in the manifest, for messages. */
  file: string;
  /** Name of the format. */
  format: string;
  sizeBytes: number;
  /** The sheet to read; undefined for the first one with cells. */
  sheet: string | undefined;
  nullValues: readonly string[];
  maxBytes: number;
}

/** A sheet that was read. */
export interface ReadSheet extends WrittenSheet {
  name: string;
  /** The sheets that were not read. */
  otherSheets: string[];
  hiddenRows: number;
  hiddenColumns: number;
  mergedRanges: number;
}

export type MakeWriter = () => SheetWriter;

/** How many of the first columns are hidden. Columns of `hidden` are counted from 1. */
export function countHidden(hidden: readonly (readonly [first: number, last: number])[], columns: number): number {
  return hidden.reduce((sum, [first, last]) => sum + Math.max(0, Math.min(last, columns) - first + 1), 0);
}

export function sheetMissing({ file, sheet }: WorkbookFile, sheets: readonly string[]): SluiceError {
  if (sheet === undefined || sheets.length === 0)
    return new SluiceError('FILE_UNREADABLE', `${file} has no sheet with cells. Upload a workbook with data.`, {
      details: { file },
    });
  return new SluiceError(
    'LAYER_MISSING',
    `${file} has no sheet ${JSON.stringify(sheet)}. Its sheets are ` +
      `${sheets.map((name) => JSON.stringify(name)).join(', ')}.`,
    { details: { file, sheet, layers: [...sheets] } },
  );
}
