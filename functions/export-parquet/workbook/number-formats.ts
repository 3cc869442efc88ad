/**
 * Number formats of Excel (ECMA-376, part 1, 18.8.30). GDAL decides by the letters of a format whether a cell is a
 * date or a time. It does not recognize a single `h` and does not skip quoted text, so it loses the time of
 * `yyyy-mm-dd h:mm:ss`. Each format is therefore replaced by one that GDAL interprets correctly.
 */
const PLAIN_FORMAT = {
  timestamp: 'yyyy-mm-dd hh:mm:ss.000',
  date: 'yyyy-mm-dd',
  time: 'hh:mm:ss',
  number: '0.0',
} as const;

/** The kind of value that a cell with the format shows. A duration (`[h]:mm`) is a number of days. */
export function kindOfFormat(format: string): keyof typeof PLAIN_FORMAT {
  const bare = withoutText(format);
  const [first = ''] = bare.split(';', 1);
  if (/\[(h+|m+|s+)\]/i.test(first)) return 'number';
  const letters = first
    .replaceAll(/\[[^[\]]*\]/g, '')
    .replaceAll(/general/gi, '')
    .toLowerCase();
  const hasTime = /[hs]/.test(letters);
  // With hours or seconds `m` is the minute, otherwise the month.
  const hasDate = /[dy]/.test(letters) || (!hasTime && letters.includes('m'));
  if (hasDate) return hasTime ? 'timestamp' : 'date';
  return hasTime ? 'time' : 'number';
}

/** Removes quoted text, and the characters after `\`, `*` (repeated) and `_` (left blank). AM/PM becomes an hour. */
function withoutText(format: string): string {
  return format.replaceAll(/"[^"]*"?|[\\*_]./gs, '').replaceAll(/am\/pm|a\/p/gi, 'h');
}

const NUMBER_FORMAT = '<numFmt';
/** Excel allows about 250 formats in a workbook, other programs write a few thousand. */
export const MAX_NUMBER_FORMATS = 20_000;
const FORMAT_CODE = /(\sformatCode\s*=\s*)(?:"([^"]*)"|'([^']*)')/;

/**
 * The styles of a workbook (xl/styles.xml) with each number format replaced by its plain format. Undefined for styles
 * with more than MAX_NUMBER_FORMATS formats.
 */
export function plainNumberFormats(styles: string): string | undefined {
  const parts: string[] = [];
  let copied = 0;
  for (const { start, end } of numberFormats(styles)) {
    if (parts.length === 2 * MAX_NUMBER_FORMATS) return undefined;
    parts.push(styles.slice(copied, start), plainElement(styles.slice(start, end)));
    copied = end;
  }
  return parts.join('') + styles.slice(copied);
}

/** The places of the elements <numFmt …>. An element that is not closed ends the search, because the XML is damaged. */
function* numberFormats(styles: string): Generator<{ start: number; end: number }> {
  for (let start = styles.indexOf(NUMBER_FORMAT); start >= 0;) {
    const attributes = start + NUMBER_FORMAT.length;
    const end = /\s/.test(styles[attributes] ?? '') ? endOfTag(styles, attributes) : attributes;
    if (end === undefined) return;
    if (end > attributes) yield { start, end };
    start = styles.indexOf(NUMBER_FORMAT, end);
  }
}

/** The offset after the `>` of a tag. A `>` in quotes belongs to the value of an attribute. */
function endOfTag(text: string, from: number): number | undefined {
  let quote = '';
  for (let at = from; at < text.length; at++) {
    const character = text[at] ?? '';
    if (quote !== '') {
      if (character === quote) quote = '';
    } else if (character === '>') return at + 1;
    else if (character === '"' || character === "'") quote = character;
  }
  return undefined;
}

function plainElement(element: string): string {
  return element.replace(FORMAT_CODE, (_, name: string, double?: string, single?: string) => {
    const kind = kindOfFormat(unescapeXml(double ?? single ?? ''));
    return `${name}"${PLAIN_FORMAT[kind]}"`;
  });
}

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function unescapeXml(text: string): string {
  return text.replaceAll(
    /&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|(\w+));/gi,
    (whole, hex?: string, decimal?: string, name?: string) => {
      if (name !== undefined) return ENTITIES[name] ?? whole;
      const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
      return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
    },
  );
}
