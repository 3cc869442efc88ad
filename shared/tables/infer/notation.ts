import { quotedString } from '@duckdb/node-api';
import type { DateFormat, DecimalSeparator, ThousandsSeparator, ValueType } from '#shared/contracts/column-types.ts';

/** How the file writes numbers and dates, as far as it is declared. */
export interface Notation {
  decimal: DecimalSeparator;
  thousands?: ThousandsSeparator | undefined;
  /** Whether a number can end in `%`, which is left out: `12.5 %` is 12.5. */
  percent?: boolean | undefined;
  date?: DateFormat | undefined;
}

/** A replacement in a text that matches a regular expression, which JavaScript and DuckDB (RE2) read. */
interface Rewrite {
  pattern: string;
  replacement: string;
  /** Replace all matches instead of the first. */
  isGlobal?: true;
  /** The replacement applies only to texts that match this expression as a whole. */
  within?: string;
}

/** Characters that are written as a separator of thousands. A space can be a no-break space. */
const THOUSANDS_CLASS: Record<ThousandsSeparator, string> = {
  ',': ',',
  '.': String.raw`\.`,
  ' ': ' \u00a0\u202f\u2009',
  "'": "'\u2019",
};

/** The rewrites that turn a value in the declared notation into the plain one of its type. */
function rewritesFor(type: ValueType, notation: Notation): Rewrite[] {
  switch (type) {
    case 'bigint':
    case 'double':
    case 'decimal':
      return numberRewrites(notation);
    case 'date':
    case 'timestamp':
    case 'timestamptz':
      return dateRewrites(notation.date);
    default:
      return [];
  }
}

function numberRewrites({ decimal, thousands, percent }: Notation): Rewrite[] {
  const rewrites: Rewrite[] = [];
  if (percent === true) rewrites.push({ pattern: '[ \u00a0\u202f]?%$', replacement: '' });
  if (thousands !== undefined) {
    const separator = `[${THOUSANDS_CLASS[thousands]}]`;
    const within = String.raw`[-+]?\d{1,3}(?:${separator}\d{3})+(?:[${decimal}]\d*)?`;
    rewrites.push({ pattern: separator, replacement: '', isGlobal: true, within });
  }
  // A point does not occur in a number with a decimal comma. It becomes a character that no number has.
  if (decimal === ',')
    rewrites.push(
      { pattern: String.raw`\.`, replacement: '_', isGlobal: true },
      { pattern: ',', replacement: '.', isGlobal: true },
    );
  return rewrites;
}

function dateRewrites(format: DateFormat | undefined): Rewrite[] {
  if (format === undefined) return [];
  if (format === 'YYYYMMDD')
    return [{ pattern: String.raw`^(\d{4})(\d{2})(\d{2})(\D|$)`, replacement: '\\1-\\2-\\3\\4' }];
  const order = [...format.replaceAll(/[^DMY]/g, '').replaceAll(/(.)\1+/g, '$1')];
  const separator = /[^DMY]/.exec(format)?.[0] ?? '';
  const groups = order.map((part) => (part === 'Y' ? String.raw`(\d{4})` : String.raw`(\d{1,2})`));
  const place = (part: string) => `\\${order.indexOf(part) + 1}`;
  const written = `^${groups.join(`[${separator}]`)}([^0-9]|$)`;
  return [
    { pattern: written, replacement: `${place('Y')}-0${place('M')}-0${place('D')}\\4` },
    // A day or a month of two digits has three now.
    { pattern: String.raw`^(\d{4}-)0?(\d{2}-)0?(\d{2})([^0-9]|$)`, replacement: String.raw`\1\2\3\4` },
  ];
}

/** SQL: a value in the declared notation as the plain notation of the type. */
export function normalizeSql(type: ValueType, text: string, notation: Notation): string {
  return rewritesFor(type, notation).reduce((sql, { pattern, replacement, isGlobal, within }) => {
    const flags = isGlobal === true ? `, 'g'` : '';
    const replaced = `regexp_replace(${sql}, ${quotedString(pattern)}, ${quotedString(replacement)}${flags})`;
    if (within === undefined) return replaced;
    return `case when regexp_full_match(${sql}, ${quotedString(within)}) then ${replaced} else ${sql} end`;
  }, text);
}

/** A function that returns a value in the declared notation as the plain notation of the type. */
export function normalizer(type: ValueType, notation: Notation): (text: string) => string {
  const rewrites = rewritesFor(type, notation).map(({ pattern, replacement, isGlobal, within }) => ({
    expression: new RegExp(pattern, isGlobal === true ? 'g' : ''),
    replacement: replacement.replaceAll('\\', '$'),
    whole: within === undefined ? undefined : new RegExp(`^(?:${within})$`),
  }));
  return (text) =>
    rewrites.reduce(
      (value, { expression, replacement, whole }) =>
        whole?.test(value) === false ? value : value.replace(expression, replacement),
      text,
    );
}
