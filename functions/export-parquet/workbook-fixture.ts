import { readFile } from 'node:fs/promises';
import { execa } from 'execa';

/** For tests: workbooks as Excel lays them out, with number formats that no other program here writes. */

/** A text, a number in the format `General`, or a number in another one. */
export type Cell = string | number | { value: number; format: string } | null;

/** A workbook of one sheet, `S`, made at `path` with Python's zipfile. */
export async function makeWorkbook(path: string, rows: Cell[][]): Promise<Buffer> {
  const formats = [
    ...new Set(rows.flat().flatMap((cell) => (typeof cell === 'object' && cell !== null ? [cell.format] : []))),
  ];
  const members = {
    '[Content_Types].xml': `<Types xmlns="${PACKAGE}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType="${MIME}.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="${MIME}.worksheet+xml"/></Types>`,
    '_rels/.rels': relations(['officeDocument', 'xl/workbook.xml']),
    'xl/workbook.xml': `<workbook xmlns="${MAIN}" xmlns:r="${OFFICE}"><sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>`,
    'xl/_rels/workbook.xml.rels': relations(['worksheet', 'worksheets/sheet1.xml'], ['styles', 'styles.xml']),
    'xl/styles.xml': stylesXml(formats),
    'xl/worksheets/sheet1.xml': `<worksheet xmlns="${MAIN}"><sheetData>${rows.map((cells, row) => `<row r="${row + 1}">${cells.map((cell, column) => cellXml(cell, `${String.fromCharCode(A + column)}${row + 1}`, formats)).join('')}</row>`).join('')}</sheetData></worksheet>`,
  };
  await execa(
    'python3',
    [
      '-c',
      'import json, sys, zipfile\nwith zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED) as z:\n  [z.writestr(*m) for m in json.load(sys.stdin).items()]',
      path,
    ],
    { input: JSON.stringify(members) },
  );
  return readFile(path);
}

const MAIN = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main';
const OFFICE = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
const PACKAGE = 'http://schemas.openxmlformats.org/package/2006';
const MIME = 'application/vnd.openxmlformats-officedocument.spreadsheetml';
const A = 65;
/** Number formats of a workbook's own have ids from here on. */
const FIRST_OWN_FORMAT = 164;

/** The styles of a workbook: `General`, then one for each format. */
export function stylesXml(formats: readonly string[]): string {
  const own = formats.map(
    (format, index) =>
      `<numFmt numFmtId="${FIRST_OWN_FORMAT + index}" formatCode="${format.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;')}"/>`,
  );
  return `<styleSheet xmlns="${MAIN}"><numFmts count="${own.length}">${own.join('')}</numFmts><cellXfs><xf numFmtId="0"/>${own.map((_, index) => `<xf numFmtId="${FIRST_OWN_FORMAT + index}"/>`).join('')}</cellXfs></styleSheet>`;
}

function cellXml(cell: Cell, name: string, formats: readonly string[]): string {
  if (cell === null) return '';
  if (typeof cell === 'string') return `<c r="${name}" t="inlineStr"><is><t>${cell}</t></is></c>`;
  if (typeof cell === 'number') return `<c r="${name}"><v>${cell}</v></c>`;
  return `<c r="${name}" s="${formats.indexOf(cell.format) + 1}"><v>${cell.value}</v></c>`;
}

function relations(...targets: [string, string][]): string {
  return `<Relationships xmlns="${PACKAGE}/relationships">${targets.map(([type, target], index) => `<Relationship Id="r${index + 1}" Type="${OFFICE}/${type}" Target="${target}"/>`).join('')}</Relationships>`;
}
