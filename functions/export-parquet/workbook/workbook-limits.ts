/** Sheets of a workbook that are listed; real workbooks have far fewer. */
export const MAX_SHEETS = 10_000;
/** Groups of hidden columns that are counted. */
export const MAX_HIDDEN_RANGES = 1_000;
