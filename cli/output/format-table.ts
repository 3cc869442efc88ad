import stringWidth from 'string-width';
import { printable } from '#shared/text/message-text.ts';

/** Formats rows as a table with aligned columns. The first row is the header. */
export function formatTable(rows: string[][]): string {
  const clean = rows.map((row) => row.map(printable));
  const widths = (clean[0] ?? []).map((_, column) => Math.max(...clean.map((row) => stringWidth(row[column] ?? ''))));
  const pad = (value: string, column: number) => value + ' '.repeat((widths[column] ?? 0) - stringWidth(value));
  return clean.map((row) => row.map(pad).join('  ').trimEnd()).join('\n');
}
