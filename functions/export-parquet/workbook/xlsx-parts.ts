import { posix } from 'node:path';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { ZipMember } from '#shared/formats/zip.ts';
import { MAX_SHEETS } from './workbook-limits.ts';
import { type Attributes, type XmlHandler, XmlReader } from './xml-reader.ts';

/** The parts of an XLSX file other than its cells, and its number formats (ECMA-376, part 1, 18). */

/** Transitional and strict names of the same namespaces. */
const SPREADSHEET = {
  'http://schemas.openxmlformats.org/spreadsheetml/2006/main': '',
  'http://purl.oclc.org/ooxml/spreadsheetml/main': '',
  'http://schemas.openxmlformats.org/officeDocument/2006/relationships': 'r',
  'http://purl.oclc.org/ooxml/officeDocument/relationships': 'r',
};
const RELATIONSHIPS = { 'http://schemas.openxmlformats.org/package/2006/relationships': '' };
/** Relations and styles of a workbook; real workbooks have far fewer. */
const MAX_RELATIONS = 100_000;
const MAX_STYLES = 1_000_000;
const MAX_FORMATS = 100_000;

/** The members of the archive, as streams. */
export interface Parts {
  file: string;
  members: readonly ZipMember[];
  open: (member: ZipMember) => AsyncIterable<Buffer>;
}

export interface XlsxWorkbook {
  /** In the order of the workbook. */
  sheets: { name: string; part: string }[];
  /** Day 0 is 1 January 1904. */
  is1904: boolean;
  /** For each style of a cell, what its format shows. */
  styles: readonly FormatKind[];
  sharedStrings: string | undefined;
}

/** Reads the list of sheets, and the formats of cells. Throws FILE_UNREADABLE. */
export async function readXlsxWorkbook(parts: Parts): Promise<XlsxWorkbook> {
  const root = await readRelations(parts, '');
  const workbookPart = root.find(({ type }) => type === 'officeDocument')?.target ?? 'xl/workbook.xml';
  const relations = await readRelations(parts, workbookPart);
  const { sheets, is1904 } = await readSheetList(parts, workbookPart);
  const worksheets = new Map(
    relations.filter(({ type }) => type === 'worksheet').map(({ id, target }) => [id, target]),
  );
  const target = (wanted: string) => relations.find(({ type }) => type === wanted)?.target;
  return {
    sheets: sheets.flatMap(({ name, id }) => {
      const part = worksheets.get(id); // Undefined for a sheet with a chart.
      return part === undefined ? [] : [{ name, part }];
    }),
    is1904,
    styles: await readStyles(parts, target('styles')),
    sharedStrings: target('sharedStrings'),
  };
}

interface Relation {
  id: string;
  /** The last part of its URI: `worksheet`. */
  type: string;
  target: string;
}

async function readRelations(parts: Parts, part: string): Promise<Relation[]> {
  const folder = posix.dirname(part);
  const found: Relation[] = [];
  await readPart(parts, posix.join(folder, '_rels', `${posix.basename(part)}.rels`), RELATIONSHIPS, {
    open: (name, { Id: id = '', Type: type = '', Target: target = '' }) => {
      if (name !== 'Relationship') return;
      if (found.length >= MAX_RELATIONS) throw tooMany(parts, 'relations', MAX_RELATIONS);
      const path = target.startsWith('/') ? target.slice(1) : posix.join(folder, target);
      found.push({ id, type: type.slice(type.lastIndexOf('/') + 1), target: path });
    },
  });
  return found;
}

async function readSheetList(
  parts: Parts,
  part: string,
): Promise<{ sheets: { name: string; id: string }[]; is1904: boolean }> {
  const sheets: { name: string; id: string }[] = [];
  let is1904 = false;
  const found = await readPart(parts, part, SPREADSHEET, {
    open: (name, attributes, read) => {
      if (name === 'workbookPr') is1904 = isTrue(attributes.date1904);
      if (name !== 'sheet') return;
      if (sheets.length >= MAX_SHEETS) throw tooMany(parts, 'sheets', MAX_SHEETS);
      sheets.push({ name: attributes.name ?? '', id: read('r:id') ?? '' });
    },
  });
  if (!found)
    throw new SluiceError(
      'FILE_UNREADABLE',
      `${parts.file} is an archive without a workbook. Save it as a workbook of the type XLSX.`,
      { details: { file: parts.file } },
    );
  return { sheets, is1904 };
}

async function readStyles(parts: Parts, part: string | undefined): Promise<FormatKind[]> {
  const formats = new Map<number, FormatKind>();
  const styles: FormatKind[] = [];
  let list = '';
  const open = (name: string, attributes: Attributes) => {
    if (name === 'numFmts' || name === 'cellXfs' || name === 'cellStyleXfs' || name === 'dxfs') list = name;
    else if (name === 'numFmt' && list === 'numFmts') {
      if (formats.size >= MAX_FORMATS) throw tooMany(parts, 'number formats', MAX_FORMATS);
      formats.set(Number(attributes.numFmtId), kindOfFormat(attributes.formatCode ?? ''));
    } else if (name === 'xf' && list === 'cellXfs') {
      if (styles.length >= MAX_STYLES) throw tooMany(parts, 'styles of cells', MAX_STYLES);
      const id = Number(attributes.numFmtId ?? 0);
      styles.push(formats.get(id) ?? kindOfBuiltIn(id));
    }
  };
  if (part !== undefined) await readPart(parts, part, SPREADSHEET, { open });
  return styles;
}

/** True for the notations of a boolean in XML. */
export function isTrue(written: string | undefined): boolean {
  return written === '1' || written === 'true' || written === 'on';
}

/** Reads a part of the workbook. Returns false when the archive does not contain it. */
export async function readPart(
  { members, file, open }: Parts,
  part: string,
  namespaces: Readonly<Record<string, string>>,
  handler: XmlHandler,
): Promise<boolean> {
  const lower = part.toLowerCase(); // Names of parts have no case (ECMA-376, part 2, 6.2.2.3).
  const member = members.find(({ name }) => name.toLowerCase() === lower);
  if (member === undefined) return false;
  await XmlReader.read(`${part} in ${file}`, open(member), namespaces, handler);
  return true;
}

/** The namespaces of sheets and texts. */
export const SPREADSHEET_NAMESPACES: Readonly<Record<string, string>> = SPREADSHEET;

function tooMany({ file }: Parts, what: string, limit: number): SluiceError {
  return new SluiceError('FILE_TOO_LARGE', `${file} has more than ${limit} ${what}. Save its sheet as CSV.`, {
    details: { file, limit },
  });
}

/**
 * Number formats of Excel (ECMA-376, part 1, 18.8.30). A date or a time is a number in a cell; only the format shows
 * them apart.
 */

/** What a cell with the format shows. */
export type FormatKind = 'number' | 'date' | 'timestamp' | 'time' | 'duration';

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
