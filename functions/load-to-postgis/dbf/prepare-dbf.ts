import { open } from 'node:fs/promises';
import type { Note } from '#shared/contracts/shared-schemas.ts';
import type { Layer } from '#shared/gdal/layers.ts';
import { stemOf } from '#shared/landing/source-parts.ts';
import type { Conversion } from '../staging/convert-columns.ts';
import { damaged } from '../guards/shapefile.ts';
import type { VectorSource } from '../vector-source.ts';
import { mixedNote } from '../readers/table-reader.ts';
import {
  type DbfField,
  type DbfLengths,
  parseDbfFields,
  parseDbfLengths,
  readDbfHeader,
} from '../readers/dbf-header.ts';
import { type DbfFacts, type NumberType, readDbfFacts } from './dbf-values.ts';

/**
 * Makes GDAL copy the numbers of a shapefile as the characters that its .dbf stores, which PostgreSQL reads exactly:
 * the local copy of the .dbf declares them as text. Dates are declared as text only where a value is not a date.
 */

const CHUNK_BYTES = 2 ** 20;
const BLANK = 0x20;
/** The type of a field with texts in another file. */
const MEMO = 'M';
/** Characters of a value in a note. */
const MAX_VALUE_CHARACTERS = 100;

export interface PreparedDbf {
  /** The type in PostgreSQL of each field of the layer that GDAL reads as text; undefined for the others. */
  types: (DbfColumnType | undefined)[];
  notes: Note[];
}

export interface DbfColumnType {
  type: NumberType | 'character varying';
  /** True when asterisks must become null after the copy. */
  hasOverflows: boolean;
  /** The character that replaces the blanks before a text. */
  marker?: number | undefined;
}

/**
 * Reads the values of the .dbf, and changes its header. Throws FILE_UNREADABLE when GDAL reads fields other than the
 * header declares: their values would be lost.
 */
export async function prepareDbf(
  { path, file }: VectorSource,
  layer: Layer,
  signal: AbortSignal,
): Promise<PreparedDbf> {
  const dbf = `${stemOf(path)}.dbf`;
  const header = await readDbfHeader(dbf);
  const fields = parseDbfFields(header);
  if (fields.length !== layer.fields.length)
    throw damaged(file, `its .dbf declares ${fields.length} fields, but GDAL reads ${layer.fields.length}`);
  const { headerBytes, recordBytes } = parseDbfLengths(header) as DbfLengths; // checkShapefileCounts has read it.
  const fieldBytes = fields.reduce((sum, { width }) => sum + width, 1);
  if (recordBytes < fieldBytes)
    throw damaged(file, `a record of its .dbf has ${recordBytes} bytes, but its fields have ${fieldBytes}`);
  const facts = await readDbfFacts(dbf, fields, { headerBytes, recordBytes }, signal);
  const types = fields.map((field, index) => columnType(field, facts[index] as DbfFacts));
  await markBlanks(dbf, fields, facts, { headerBytes, recordBytes });
  await declareText(
    dbf,
    fields.filter((_, index) => types[index] !== undefined),
  );
  const notes = fields.flatMap((field, index) =>
    notesAbout(field, facts[index] as DbfFacts, { file, column: layer.fields[index]?.name ?? field.name }),
  );
  return { types, notes };
}

function columnType({ type }: DbfField, { number, invalid, overflows, marker }: DbfFacts): DbfColumnType | undefined {
  if (marker !== undefined) return { type: 'character varying', hasOverflows: false, marker };
  if (invalid !== undefined) return { type: 'character varying', hasOverflows: false };
  if (type !== 'N' && type !== 'F') return undefined;
  return { type: number ?? 'character varying', hasOverflows: overflows > 0 };
}

async function declareText(path: string, fields: readonly DbfField[]): Promise<void> {
  await using file = await open(path, 'r+');
  for (const { typeAt } of fields) await file.write('C', typeAt, 'latin1');
}

function notesAbout(field: DbfField, facts: DbfFacts, place: { file: string; column: string }): Note[] {
  const name = JSON.stringify(place.column);
  const declared = `${field.type}(${field.width},${field.decimals})`;
  const notes: Note[] = [];
  const add = (code: string, message: string) => notes.push({ code, ...place, message });
  const { invalid, number } = facts;
  if (invalid !== undefined && (field.type === 'N' || field.type === 'F')) {
    const value = JSON.stringify(invalid.text.slice(0, MAX_VALUE_CHARACTERS));
    const reason = `Column ${name} is declared as ${declared}, but row ${invalid.row} holds ${value}.`;
    notes.push({ ...mixedNote(place.file, place.column), message: `${reason} It is stored as text.` });
  } else if (invalid !== undefined) {
    const value = JSON.stringify(invalid.text.slice(0, MAX_VALUE_CHARACTERS));
    add(
      'COLUMN_TYPE_CHANGED',
      `Column ${name}: row ${invalid.row} contains ${value}, which is not a date. The column is stored as text.`,
    );
  } else if (field.type === 'N' && field.decimals === 0 && number === 'double precision')
    add(
      'COLUMN_TYPE_CHANGED',
      `Column ${name} is declared as ${declared}, but holds fractions. It is stored as double.`,
    );
  else if ((field.type === 'N' || field.type === 'F') && number === 'numeric')
    add('COLUMN_TYPE_CHANGED', `Column ${name} holds numbers with more digits than a double. It is stored as numeric.`);
  if (facts.overflows > 0 && invalid === undefined)
    add(
      'VALUES_MISSING',
      `Column ${name}: ${facts.overflows} values are only asterisks. A program writes them for a missing number, or ` +
        `for one that does not fit in ${field.width} characters. They are missing in the asset.`,
    );
  if (field.type === MEMO)
    add(
      'VALUES_MISSING',
      `Column ${name} is a memo, whose texts are in another file (.dbt), which Sluice does not read. ` +
        'The asset has the numbers of their blocks. Export the texts as a field of type C.',
    );
  return notes;
}

/** The conversions of columns that are copied as text: asterisks become null, and the blanks before a text blanks. */
export function dbfConversions(types: readonly (DbfColumnType | undefined)[]): Conversion[] {
  return types.flatMap((column, index): Conversion[] => {
    if (column?.marker !== undefined) return [{ index, type: column.type, value: withBlanks(column.marker) }];
    if (column?.hasOverflows !== true) return [];
    const value = (name: string) => `case when ${name} !~ '^[*]+$' then ${name}::${column.type} end`;
    return [{ index, type: column.type, value }];
  });
}

function withBlanks(marker: number): Conversion['value'] {
  return (name) => {
    const text = `ltrim(${name}, chr(${marker}))`;
    return `repeat(' ', length(${name}) - length(${text})) || ${text}`;
  };
}

/** Replaces the blanks before texts, which GDAL removes, in fields that have a marker. */
async function markBlanks(
  path: string,
  fields: readonly DbfField[],
  facts: readonly DbfFacts[],
  { headerBytes, recordBytes }: { headerBytes: number; recordBytes: number },
): Promise<void> {
  let at = 1;
  const marked = fields.flatMap(({ width }, index) => {
    const field = { at, width, marker: facts[index]?.marker };
    at += width;
    return field.marker === undefined ? [] : [{ ...field, marker: field.marker }];
  });
  if (marked.length === 0) return;
  await using file = await open(path, 'r+');
  const buffer = Buffer.allocUnsafe(recordBytes * Math.ceil(CHUNK_BYTES / recordBytes));
  for (let position = headerBytes; ; position += buffer.length) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
    for (let record = 0; record + recordBytes <= bytesRead; record += recordBytes)
      for (const field of marked) markField(buffer, record + field.at, field);
    await file.write(buffer, 0, bytesRead, position);
    if (bytesRead < buffer.length) return;
  }
}

function markField(bytes: Buffer, at: number, { width, marker }: { width: number; marker: number }): void {
  let blanks = 0;
  while (blanks < width && bytes[at + blanks] === BLANK) blanks++;
  if (blanks < width && bytes[at + blanks] !== 0) bytes.fill(marker, at, at + blanks);
}
