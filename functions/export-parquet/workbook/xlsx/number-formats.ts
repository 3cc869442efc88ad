import type { FormatKind } from '../cell-values.ts';

/**
 * Number formats of Excel (ECMA-376, part 1, 18.8.30). A date or a time is a number in a cell; only the format shows
 * them apart.
 */

/** The kind of value that a cell with the format shows. */
export function kindOfFormat(format: string): FormatKind {
  const bare = withoutText(format);
  const [first = ''] = bare.split(';', 1);
  if (/\[(h+|m+|s+)\]/i.test(first)) return 'duration';
  const letters = first
    .replaceAll(/\[[^[\]]*\]/g, '')
    .replaceAll(/general/gi, '')
    .toLowerCase();
  const hasTime = /[hs]/.test(letters);
  // With hours or seconds `m` is the minute, otherwise the month. `aaa` is the day of the week in Japanese.
  const hasDate = /[dy]|aaa/.test(letters) || (!hasTime && letters.includes('m'));
  if (hasDate) return hasTime ? 'timestamp' : 'date';
  return hasTime ? 'time' : 'number';
}

/** Removes quoted text, and the characters after `\`, `*` (repeated) and `_` (left blank). AM/PM becomes an hour. */
function withoutText(format: string): string {
  return format.replaceAll(/"[^"]*"?|[\\*_]./gs, '').replaceAll(/am\/pm|a\/p/gi, 'h');
}

/**
 * Formats that Excel does not write into the file, by their number (18.8.30). 27 to 36 and 50 to 58 are dates in
 * Chinese, Japanese and Korean. In some of these languages 34, 35, 55 and 56 are times; a number below 1 decides it.
 */
const BUILT_IN: readonly (readonly [from: number, to: number, kind: FormatKind])[] = [
  [14, 17, 'date'],
  [18, 21, 'time'],
  [22, 22, 'timestamp'],
  [27, 31, 'date'],
  [32, 33, 'time'],
  [34, 36, 'date'],
  [45, 45, 'time'],
  [46, 46, 'duration'],
  [47, 47, 'time'],
  [50, 58, 'date'],
];

/** The kind of a format that the workbook does not define. */
export function kindOfBuiltIn(id: number): FormatKind {
  return BUILT_IN.find(([from, to]) => id >= from && id <= to)?.[2] ?? 'number';
}
