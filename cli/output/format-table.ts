import { printable } from '#shared/text/printable.ts';

/** Rows as a table with aligned columns, the first row as its head. */
export function formatTable(rows: string[][]): string {
  const clean = rows.map((row) => row.map(printable));
  const widths = (clean[0] ?? []).map((_, column) => Math.max(...clean.map((row) => displayWidth(row[column] ?? ''))));
  return clean
    .map((row) =>
      row
        .map((value, column) => value + ' '.repeat((widths[column] ?? 0) - displayWidth(value)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

const SEGMENTS = new Intl.Segmenter();

/** Columns that a text takes on a terminal: emoji and East Asian characters take two. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const { segment } of SEGMENTS.segment(text)) width += WIDE.test(segment) ? 2 : 1;
  return width;
}

const WIDE =
  /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/u;
