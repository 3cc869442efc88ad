import { open, rename, writeFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { readFirstBytes } from '#shared/formats/signatures.ts';
import { readFileStream, writeFileStream } from '#shared/streams/file-streams.ts';
import { parseDbfFields } from '../readers/dbf-header.ts';
import type { DeclaredTypes } from '../texts/text-facts.ts';

/**
 * Makes GDAL read the numbers that MapInfo stores as text as they are, in the local copy: all numbers of MID files, and
 * decimals of tables. GDAL reads 5000000000 in a column of type Integer as another number, and a decimal as a double.
 */

/** The columns of a MIF file are at its start. */
const MAX_MIF_HEADER_BYTES = 2 ** 20;
const MAX_TAB_BYTES = 2 ** 24;
const MAX_DAT_HEADER_BYTES = 32 + 2048 * 32;
const MIF_COLUMN = /^(\s*\S+\s+)(integer|smallint|largeint|float|decimal)\b.*$/i;
/** GDAL type names for the column types of MIF files. */
const MIF_TYPES: Record<string, string> = {
  integer: 'Integer',
  smallint: 'Integer',
  largeint: 'Integer64',
  float: 'Real',
  decimal: 'Real',
};
/** The declaration of a text of the greatest width. */
const TEXT = 'Char(254)';
/** Tables of other types store their values in another way. */
const NATIVE = /\btype\s+native\b/i;
const TAB_DECIMAL = /^(\s*\S+\s+)decimal\s*\(\s*(\d+)\s*,\s*\d+\s*\)/i;

/** Changes the header of a MIF file. */
export async function declareMifTexts(path: string, signal: AbortSignal): Promise<DeclaredTypes | undefined> {
  const types = new Map<number, string | undefined>();
  const header = (await readFirstBytes(path, MAX_MIF_HEADER_BYTES)).toString('latin1');
  const rewritten = rewriteLines(header, 'columns', (line, index) => {
    const [, start, type = ''] = MIF_COLUMN.exec(line) ?? [];
    if (start === undefined) return line;
    types.set(index, MIF_TYPES[type.toLowerCase()]);
    return start + TEXT;
  });
  if (types.size === 0) return undefined;
  await replaceHeader(path, header.length, rewritten, signal);
  return (_, index) => types.get(index) ?? 'String';
}

/** Replaces the first bytes of a file by a text in Latin-1. */
export async function replaceHeader(path: string, bytes: number, header: string, signal: AbortSignal): Promise<void> {
  const target = `${path}.text`;
  const withHeader = async function* (chunks: AsyncIterable<Buffer>) {
    yield Buffer.from(header, 'latin1');
    yield* chunks;
  };
  await pipeline(readFileStream(path, { start: bytes }), withHeader, writeFileStream(target), { signal });
  await rename(target, path);
}

/** Changes the headers of a table and of its .dat file, in which a decimal is a text. */
export async function declareTabTexts(path: string, datPath: string): Promise<DeclaredTypes | undefined> {
  const types = new Map<number, string | undefined>();
  const table = await readFirstBytes(path, MAX_TAB_BYTES);
  const fields = parseDbfFields(await readFirstBytes(datPath, MAX_DAT_HEADER_BYTES));
  const text = table.toString('latin1');
  if (!NATIVE.test(text)) return undefined;
  const changed: number[] = [];
  const rewritten = rewriteLines(text, 'fields', (line, index) => {
    const [all = '', start = '', width] = TAB_DECIMAL.exec(line) ?? [];
    const field = fields[index];
    if (field?.type !== 'N' || field.width !== Number(width)) return line;
    types.set(index, 'Real');
    changed.push(field.typeAt);
    return `${start}Char (${width})${line.slice(all.length)}`;
  });
  if (types.size === 0) return undefined;
  await using dat = await open(datPath, 'r+');
  for (const at of changed) await dat.write('C', at, 'latin1');
  await writeFile(path, rewritten, 'latin1');
  return (_, index) => types.get(index) ?? 'String';
}

/** Rewrites the declarations of fields: the lines after the one with the keyword and their number. */
function rewriteLines(text: string, keyword: string, rewrite: (line: string, index: number) => string): string {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => {
    const [word, count, ...more] = wordsOf(line);
    return word?.toLowerCase() === keyword && more.length === 0 && /^\d+$/.test(count ?? '');
  });
  const count = start < 0 ? 0 : Number(wordsOf(lines[start] ?? '')[1]);
  return lines
    .map((line, at) => {
      if (at <= start || at > start + count) return line;
      const isCrlf = line.endsWith('\r');
      return rewrite(isCrlf ? line.slice(0, -1) : line, at - start - 1) + (isCrlf ? '\r' : '');
    })
    .join('\n');
}

function wordsOf(line: string): string[] {
  return line.trim().split(/\s+/);
}
