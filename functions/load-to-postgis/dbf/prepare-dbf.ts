import { open } from 'node:fs/promises';
import type { Note } from '#shared/contracts/facts.ts';
import { readFirstBytes } from '#shared/formats/signatures.ts';
import type { Layer } from '#shared/gdal/layers.ts';
import { stemOf } from '#shared/landing/source-parts.ts';
import type { Conversion } from '../load/convert-columns.ts';
import type { VectorSource } from '../load/fetch-vector.ts';
import { mixedNote } from '../rows/row-column.ts';
import { type DbfFacts, type DbfField, type NumberType, parseDbfFields, readDbfFacts } from './dbf-values.ts';

/**
 * Makes GDAL copy the numbers of a shapefile as the characters that its .dbf stores, which PostgreSQL reads exactly:
 * the local copy of the .dbf declares them as text. Dates are declared as text only where a value is none.
 */

const PREFIX_BYTES = 32;
/** dBASE allows 255 fields; other programs write up to 2,046. */
const MAX_HEADER_BYTES = 32 + 2048 * 32;
/** Characters of a value in a note. */
const MAX_VALUE_CHARACTERS = 100;

export interface PreparedDbf {
  /** The type in PostgreSQL of each field of the layer that GDAL reads as text; undefined for the others. */
  types: (ColumnType | undefined)[];
  notes: Note[];
}

export interface ColumnType {
  type: NumberType | 'character varying';
  /** True when asterisks must become null after the copy. */
  hasOverflows: boolean;
}

/** Reads the values of the .dbf, and changes its header. Undefined when the fields do not match those of the layer. */
export async function prepareDbf(
  { path, file }: VectorSource,
  layer: Layer,
  signal: AbortSignal,
): Promise<PreparedDbf | undefined> {
  const dbf = `${stemOf(path)}.dbf`;
  const header = await readFirstBytes(dbf, MAX_HEADER_BYTES);
  const fields = parseDbfFields(header);
  if (fields.length !== layer.fields.length || header.length < PREFIX_BYTES) return undefined;
  const [headerBytes, recordBytes] = [header.readUInt16LE(8), header.readUInt16LE(10)];
  if (recordBytes !== fields.reduce((sum, { width }) => sum + width, 1)) return undefined;
  const facts = await readDbfFacts(dbf, fields, { headerBytes, recordBytes }, signal);
  const types = fields.map((field, index) => columnType(field, facts[index] as DbfFacts));
  await declareText(
    dbf,
    fields.filter((_, index) => types[index] !== undefined),
  );
  const notes = fields.flatMap((field, index) =>
    notesAbout(field, facts[index] as DbfFacts, { file, column: layer.fields[index]?.name ?? field.name }),
  );
  return { types, notes };
}

function columnType({ type }: DbfField, { number, invalid, overflows }: DbfFacts): ColumnType | undefined {
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
    add('COLUMN_TYPE_CHANGED', `Column ${name}: row ${invalid.row} holds ${value}, no date. It is stored as text.`);
  } else if (field.type === 'N' && field.decimals === 0 && number === 'double precision')
    add(
      'COLUMN_TYPE_CHANGED',
      `Column ${name} is declared as ${declared}, but holds fractions. It is stored as double.`,
    );
  else if ((field.type === 'N' || field.type === 'F') && number === 'numeric')
    add('COLUMN_TYPE_CHANGED', `Column ${name} holds numbers with more digits than a double. It is stored as numeric.`);
  if (facts.overflows > 0)
    add(
      'VALUES_MISSING',
      `Column ${name}: ${facts.overflows} values are only asterisks, because a program could not write the number in ` +
        `${field.width} characters. They are missing in the asset.`,
    );
  if (facts.padded > 0)
    add('VALUES_CHANGED', `Column ${name}: ${facts.padded} texts start with blanks, which were removed.`);
  return notes;
}

/** The conversions of columns with asterisks, which are copied as text. The asterisks become null. */
export function overflowConversions(types: readonly (ColumnType | undefined)[]): Conversion[] {
  return types.flatMap((column, index) =>
    column?.hasOverflows === true
      ? [
          {
            index,
            type: column.type,
            value: (name) => `case when ${name} !~ '^[*]+$' then ${name}::${column.type} end`,
          },
        ]
      : [],
  );
}
