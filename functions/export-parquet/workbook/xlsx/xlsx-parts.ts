import { posix } from 'node:path';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { FormatKind } from '../cell-values.ts';
import { MAX_SHEETS } from '../workbook.ts';
import { type Attributes, type Parts, readPart } from '../xml-reader.ts';
import { kindOfBuiltIn, kindOfFormat } from './number-formats.ts';

/** The parts of an XLSX file other than its cells (ECMA-376, part 1, 18). */

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

export interface XlsxWorkbook {
  /** The sheets in the order of the workbook. */
  sheets: { name: string; part: string }[];
  /** Day 0 is 1 January 1904. */
  is1904: boolean;
  /** For each cell style, the kind of value that its number format shows. */
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

/** The namespaces of sheets and texts. */
export const SPREADSHEET_NAMESPACES: Readonly<Record<string, string>> = SPREADSHEET;

function tooMany({ file }: Parts, what: string, limit: number): SluiceError {
  return new SluiceError('FILE_TOO_LARGE', `${file} has more than ${limit} ${what}. Save its sheet as CSV.`, {
    details: { file, limit },
  });
}
