import { describeFirstBytes, isUtf16, startsWithLatin1, startsWithBytes, matchesText } from './first-bytes.ts';
import { type FileFormat, FormatTable } from './format-table.ts';

/** The formats of tables that Sluice reads. docs/tabular.md describes them. */
export interface TableFormat extends FileFormat {
  /** Who reads it: the scanner of delimited text, that of JSON lines, or GDAL, which makes delimited text of a sheet. */
  reader: 'delimited' | 'json-lines' | 'workbook';
  /** The delimiter that the format fixes. */
  delimiter?: string;
}

const NO_PARTS = { required: [], optional: [] } as const;
export const isGzip = startsWithBytes(0x1f, 0x8b);
const zip = startsWithBytes(0x50, 0x4b);
/** JSON, and not names in brackets, as some databases export them: `[id],[name]`. */
const json = matchesText(/^\s*(?:\{\s*["}]|\[\s*[[{"\]])/);

/** Text, which may be compressed; bytes that are 0 are text only in UTF-16. */
function delimited(head: Buffer): boolean {
  if (isGzip(head) || isUtf16(head)) return true;
  return !json(head) && ['text', 'JSON'].includes(describeFirstBytes(head));
}

export const TABLE_FORMATS: readonly TableFormat[] = [
  {
    name: 'CSV',
    aliases: ['text', 'delimited'],
    extensions: ['.csv', '.csv.gz', '.txt', '.txt.gz'],
    drivers: [],
    ...NO_PARTS,
    matchesSignature: delimited,
    reader: 'delimited',
  },
  {
    name: 'TSV',
    aliases: ['tab-separated values'],
    extensions: ['.tsv', '.tsv.gz', '.tab', '.tab.gz'],
    drivers: [],
    ...NO_PARTS,
    matchesSignature: delimited,
    reader: 'delimited',
    delimiter: '\t',
  },
  {
    name: 'JSONL',
    aliases: ['JSON lines', 'ndjson', 'newline-delimited JSON', 'GeoJSONSeq'],
    extensions: ['.jsonl', '.jsonl.gz', '.ndjson', '.ndjson.gz'],
    drivers: [],
    ...NO_PARTS,
    matchesSignature: (head) => isGzip(head) || isUtf16(head) || matchesText(/^\s*\{/)(head),
    reader: 'json-lines',
  },
  {
    name: 'XLSX',
    aliases: ['Excel'],
    extensions: ['.xlsx', '.xlsm'],
    drivers: ['XLSX'],
    ...NO_PARTS,
    matchesSignature: zip,
    reader: 'workbook',
  },
  {
    name: 'ODS',
    aliases: ['OpenDocument spreadsheet'],
    extensions: ['.ods'],
    drivers: ['ODS'],
    ...NO_PARTS,
    matchesSignature: startsWithLatin1('PK'),
    reader: 'workbook',
  },
];

export const TABULAR_TABLE = new FormatTable('tabular', TABLE_FORMATS);

/** The format that a manifest names, for the file at `path`. Throws FORMAT_NOT_SUPPORTED. */
export function tableFormat(name: string, path: string): TableFormat {
  const format = TABULAR_TABLE.get(name, path);
  // A .tsv that is called CSV is one: `CSV` says no more than "delimited text".
  return format.name === 'CSV' && /\.(tsv|tab)(\.gz)?$/i.test(path) ? TABULAR_TABLE.get('TSV', path) : format;
}

/** The format of a table by its file name; undefined when the name tells none. */
export function tableFormatOfName(name: string): TableFormat | undefined {
  const lower = name.toLowerCase();
  return TABLE_FORMATS.find(({ extensions }) => extensions.some((extension) => lower.endsWith(extension)));
}
