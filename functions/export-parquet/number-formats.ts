/**
 * Number formats of Excel (ECMA-376, part 1, 18.8.30). GDAL takes a cell for a date or a time by letters of its format alone, and knows
 * neither a single `h` nor texts in quotes: the time of `yyyy-mm-dd h:mm:ss` would be lost. So it is given formats that it can't mistake.
 */
const PLAIN_FORMAT = {
  timestamp: 'yyyy-mm-dd hh:mm:ss.000',
  date: 'yyyy-mm-dd',
  time: 'hh:mm:ss',
  number: '0.0',
} as const;

/** What a cell with the format shows. A duration (`[h]:mm`) is a number of days. */
export function kindOfFormat(format: string): keyof typeof PLAIN_FORMAT {
  // A text in quotes, a character after `\`, one that is repeated (`*`) or left as room (`_`), and AM/PM are no letters of the format.
  const bare = format.replaceAll(/"[^"]*"?|[\\*_]./gs, '').replaceAll(/am\/pm|a\/p/gi, 'h');
  const [first = ''] = bare.split(';');
  if (/\[(h+|m+|s+)\]/i.test(first)) return 'number';
  const letters = first
    .replaceAll(/\[[^\]]*\]/g, '')
    .replaceAll(/general/gi, '')
    .toLowerCase();
  const hasTime = /[hs]/.test(letters);
  // `m` is a minute beside hours or seconds, else a month.
  const hasDate = /[dy]/.test(letters) || (!hasTime && letters.includes('m'));
  return hasDate ? (hasTime ? 'timestamp' : 'date') : hasTime ? 'time' : 'number';
}

const NUMBER_FORMAT = /<numFmt\s(?:"[^"]*"|'[^']*'|[^"'>])*>/g;
const FORMAT_CODE = /(\sformatCode\s*=\s*)(?:"([^"]*)"|'([^']*)')/;

/** The styles of a workbook (xl/styles.xml) with each number format in its plain form. */
export function plainNumberFormats(styles: string): string {
  return styles.replaceAll(NUMBER_FORMAT, (element) =>
    element.replace(
      FORMAT_CODE,
      (_, name: string, double?: string, single?: string) =>
        `${name}"${PLAIN_FORMAT[kindOfFormat(unescapedXml(double ?? single ?? ''))]}"`,
    ),
  );
}

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function unescapedXml(text: string): string {
  return text.replaceAll(
    /&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|(\w+));/gi,
    (whole, hex?: string, decimal?: string, name?: string) => {
      if (name !== undefined) return ENTITIES[name] ?? whole;
      const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
      return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
    },
  );
}
