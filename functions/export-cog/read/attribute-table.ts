import { dirname } from 'node:path';
import { unescapeXml } from '#shared/text/unescape-xml.ts';
import { asSluiceError } from '#shared/errors/sluice-error.ts';
import { ATTACHED_FILES } from '#shared/formats/raster-formats.ts';
import type { GdalCommand } from '#shared/gdal/gdal.ts';
import type { AttributeTable } from '#shared/ledger/documents.ts';
import type { RasterSource } from './fetch-raster.ts';
import { type RasterContext, runGdalOn } from '../run-gdal.ts';

/**
 * Raster attribute tables, which describe the classes of a band. The driver HFA reads them, and all drivers read those
 * of an .aux.xml file. The JSON document of gdalinfo has the table of the last band only, but its text has all of them,
 * as XML.
 */

/** `too large` for a table that gdalinfo cannot print, and `not UTF-8` for one whose texts cannot be decoded. */
export type BandTable = AttributeTable | 'too large' | 'not UTF-8' | undefined;

/** The tables of the bands. Tables of pixel counts only are left out. */
export async function readAttributeTables(
  name: string,
  bands: number,
  source: RasterSource,
  context: RasterContext,
): Promise<BandTable[]> {
  if (source.format.name !== 'HFA' && !source.parts.includes(ATTACHED_FILES.metadata)) return [];
  try {
    const { stdout } = await runGdalOn(source.file, textCommand(name, source), context);
    return parseAttributeTables(stdout, bands);
  } catch (thrown) {
    if (asSluiceError(thrown).code !== 'FILE_TOO_LARGE') throw thrown;
    return ['too large'];
  }
}

function textCommand(name: string, { path, format }: RasterSource): GdalCommand {
  return {
    command: 'gdalinfo',
    args: ['-nomd', '-noct', '-nogcp', '-nofl', name],
    drivers: [...format.drivers],
    folder: dirname(path),
    environment: { GDAL_PAM_ENABLED: 'NO', ...format.environment },
  };
}

const BAND = /^Band (\d+) Block=/gm;
const TABLE_START = '\n<GDALRasterAttributeTable';
const TABLE_END = '\n</GDALRasterAttributeTable>';

/** Parses the text of gdalinfo for a raster with this number of bands. */
export function parseAttributeTables(text: string, bands: number): BandTable[] {
  const starts = [...text.matchAll(BAND)];
  return Array.from({ length: bands }, (_, index) => {
    const at = starts.findIndex(([, number]) => Number(number) === index + 1);
    const part = at === -1 ? '' : text.slice(starts[at]?.index, starts[at + 1]?.index);
    // GDAL prints the table last, after texts of the file, which can contain anything.
    const start = part.lastIndexOf(TABLE_START);
    const open = start < 0 ? -1 : part.indexOf('>', start);
    const end = open < 0 ? -1 : part.indexOf(TABLE_END, open);
    if (end < 0) return undefined;
    const table = parseTable(part.slice(start + TABLE_START.length, open), part.slice(open + 1, end));
    if (table.columns.every(({ usage }) => usage === 'PixelCount')) return undefined;
    return part.includes('\uFFFD') ? 'not UTF-8' : table;
  });
}

function parseTable(attributes: string, content: string): AttributeTable {
  const columns = elements(content, 'FieldDefn').map((field) => ({
    name: elements(field, 'Name')[0] ?? '',
    type: TYPES[Number(elements(field, 'Type')[0])] ?? 'string',
    usage: USAGES[Number(elements(field, 'Usage')[0])] ?? 'Generic',
  }));
  const rows = elements(content, 'Row').map((row) =>
    elements(row, 'F').map((cell, index) => cellValue(unescapeXml(cell), columns[index]?.type)),
  );
  const number = (name: string) => new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1];
  const [row0, size] = [number('Row0Min'), number('BinSize')];
  return {
    columns: columns.map((column) => ({ ...column, name: unescapeXml(column.name) })),
    rows,
    ...(row0 === undefined || size === undefined ? {} : { row0_minimum: Number(row0), bin_size: Number(size) }),
  };
}

/** Names for the numbers of GDALRATFieldType and GDALRATFieldUsage. */
const TYPES = ['integer', 'real', 'string'] as const;
const USAGES = [
  ...['Generic', 'PixelCount', 'Name', 'Min', 'Max', 'MinMax', 'Red', 'Green', 'Blue', 'Alpha', 'RedMin', 'GreenMin'],
  ...['BlueMin', 'AlphaMin', 'RedMax', 'GreenMax', 'BlueMax', 'AlphaMax'],
];

/** JSON has no NaN and no infinity, so they stay texts. */
function cellValue(text: string, type: string | undefined): string | number {
  const value = type === 'string' || text.trim() === '' ? Number.NaN : Number(text);
  return Number.isFinite(value) ? value : text;
}

/**
 * The contents of all elements of this name. No XML parser is used, because GDAL writes these elements in one form: not
 * nested, and without attributes other than `index`.
 */
function elements(xml: string, name: string): string[] {
  const start = new RegExp(`<${name}(?: index="\\d+")?(\\s*/)?>`, 'g');
  const end = `</${name}>`;
  const contents: string[] = [];
  for (let found = start.exec(xml); found !== null; found = start.exec(xml)) {
    const close = found[1] === undefined ? xml.indexOf(end, start.lastIndex) : start.lastIndex;
    if (close < 0) break;
    contents.push(xml.slice(start.lastIndex, close));
    start.lastIndex = close;
  }
  return contents;
}
