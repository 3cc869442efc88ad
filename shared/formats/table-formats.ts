import { isDelimitedText, isGzip, isUtf16, isZip, matchesText } from './signatures.ts';
import { type FileFormat, FormatList, SINGLE_FILE } from './format-list.ts';

/** A table format that Sluice accepts. docs/tabular.md describes the formats. */
export interface TableFormat extends FileFormat {
  reader: 'delimited' | 'json-lines' | 'workbook';
  /** Set when the format allows only this delimiter. */
  delimiter?: string;
  /** False when quotes have no meaning in the format, unless the manifest declares it. */
  quotes?: false;
}

export const TABLE_FORMATS: readonly TableFormat[] = [
  {
    name: 'CSV',
    aliases: ['text', 'delimited'],
    extensions: ['.csv', '.csv.gz', '.txt', '.txt.gz'],
    drivers: [],
    ...SINGLE_FILE,
    isSingleLayer: true,
    matchesSignature: isDelimitedText,
    reader: 'delimited',
  },
  {
    name: 'TSV',
    aliases: ['tab-separated values'],
    extensions: ['.tsv', '.tsv.gz', '.tab', '.tab.gz'],
    drivers: [],
    ...SINGLE_FILE,
    isSingleLayer: true,
    matchesSignature: isDelimitedText,
    reader: 'delimited',
    delimiter: '\t',
    quotes: false, // https://www.iana.org/assignments/media-types/text/tab-separated-values
  },
  {
    name: 'JSONL',
    aliases: ['JSON lines', 'ndjson', 'newline-delimited JSON', 'GeoJSONSeq'],
    extensions: ['.jsonl', '.jsonl.gz', '.ndjson', '.ndjson.gz'],
    drivers: [],
    ...SINGLE_FILE,
    isSingleLayer: true,
    matchesSignature: (firstBytes) => isGzip(firstBytes) || isUtf16(firstBytes) || matchesText(/^\s*\{/)(firstBytes),
    reader: 'json-lines',
  },
  {
    name: 'XLSX',
    aliases: ['Excel'],
    extensions: ['.xlsx', '.xlsm'],
    drivers: [],
    ...SINGLE_FILE,
    matchesSignature: isZip,
    reader: 'workbook',
  },
  {
    name: 'ODS',
    aliases: ['OpenDocument spreadsheet'],
    extensions: ['.ods'],
    drivers: [],
    ...SINGLE_FILE,
    matchesSignature: isZip,
    reader: 'workbook',
  },
];

export const TABLE_FORMAT_LIST = new FormatList('tabular', TABLE_FORMATS);

/**
 * The table format with this name or alias, for the file at `path`; TSV for a .tsv file that the manifest declares as
 * CSV, because the alias `CSV` covers all delimited text. Throws FORMAT_NOT_SUPPORTED.
 */
export function tableFormat(name: string, path: string): TableFormat {
  const format = TABLE_FORMAT_LIST.get(name, path);
  return format.name === 'CSV' && /\.(tsv|tab)(\.gz)?$/i.test(path) ? TABLE_FORMAT_LIST.get('TSV', path) : format;
}

/** The table format with the extension of this file name; undefined when there is none. */
export function tableFormatOfName(name: string): TableFormat | undefined {
  const lower = name.toLowerCase();
  return TABLE_FORMATS.find(({ extensions }) => extensions.some((extension) => lower.endsWith(extension)));
}
