import { describeFirstBytes, isUtf16, startsWithLatin1, startsWithBytes, matchesText } from './first-bytes.ts';
import { type FileFormat, FormatTable } from './format-table.ts';

/** The formats of tables that Sluice reads. docs/tabular.md describes them. */
export interface TableFormat extends FileFormat {
  /**
   * The reader: the scanner of delimited text, the scanner of JSON lines, or GDAL, which writes a sheet as delimited
   * text.
   */
  reader: 'delimited' | 'json-lines' | 'workbook';
  /** The delimiter of all files of the format. */
  delimiter?: string;
}

const NO_PARTS = { required: [], optional: [] } as const;
export const isGzip = startsWithBytes(0x1f, 0x8b);
const zip = startsWithBytes(0x50, 0x4b);
/** Matches JSON, but not the names in brackets of some exports from databases: `[id],[name]`. */
const json = matchesText(/^\s*(?:\{\s*["}]|\[\s*[[{"\]])/);

/** Accepts gzip and text. Bytes of 0 occur only in UTF-16 text. */
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
  // Users declare CSV for any delimited text. The name of a .tsv file is more specific.
  return format.name === 'CSV' && /\.(tsv|tab)(\.gz)?$/i.test(path) ? TABULAR_TABLE.get('TSV', path) : format;
}

/** The format of a table by its file name; undefined for another name. */
export function tableFormatOfName(name: string): TableFormat | undefined {
  const lower = name.toLowerCase();
  return TABLE_FORMATS.find(({ extensions }) => extensions.some((extension) => lower.endsWith(extension)));
}
