import { readFirstBytes } from '#shared/formats/signatures.ts';

/** The header of a dBASE table (.dbf), which has the layout of dBASE III (ESRI Shapefile Technical Description). */

const HEADER_BYTES = 32;
const FIELD_BYTES = 32;
const END_OF_FIELDS = 0x0d;
const NAME_BYTES = 11;
const [RECORDS_AT, HEADER_LENGTH_AT, RECORD_LENGTH_AT] = [4, 8, 10];
/** dBASE allows 255 fields; other programs write up to 2,046. */
const MAX_FIELDS = 2048;

export interface DbfField {
  name: string;
  /** `C`, `N`, `F`, `D`, `L`, … */
  type: string;
  width: number;
  decimals: number;
  /** The position of the type in the file. */
  typeAt: number;
}

export interface DbfLengths {
  /** The number of records that the header declares. */
  records: number;
  /** The position of the first record. */
  headerBytes: number;
  recordBytes: number;
}

/** The header with the fields, or the beginning of a longer one. */
export function readDbfHeader(path: string): Promise<Buffer> {
  return readFirstBytes(path, HEADER_BYTES + MAX_FIELDS * FIELD_BYTES);
}

/** Undefined if the file is too short for a header. */
export async function readDbfLengths(path: string): Promise<DbfLengths | undefined> {
  return parseDbfLengths(await readFirstBytes(path, HEADER_BYTES));
}

/** Undefined if the bytes are too few for a header. */
export function parseDbfLengths(header: Buffer): DbfLengths | undefined {
  if (header.length < HEADER_BYTES) return undefined;
  return {
    records: header.readUInt32LE(RECORDS_AT),
    headerBytes: header.readUInt16LE(HEADER_LENGTH_AT),
    recordBytes: header.readUInt16LE(RECORD_LENGTH_AT),
  };
}

/** The fields of a table: those before the end of the bytes if their end is not marked. */
export function parseDbfFields(header: Buffer): DbfField[] {
  const fields: DbfField[] = [];
  for (let at = HEADER_BYTES; at + FIELD_BYTES <= header.length && header[at] !== END_OF_FIELDS; at += FIELD_BYTES)
    fields.push({
      name: header.toString('latin1', at, at + NAME_BYTES).split('\0')[0] ?? '',
      type: String.fromCharCode(header[at + NAME_BYTES] ?? 0),
      width: header[at + 16] ?? 0,
      decimals: header[at + 17] ?? 0,
      typeAt: at + NAME_BYTES,
    });
  return fields;
}

/** Whether the end of the fields that `parseDbfFields` returns is marked. */
export function isEndMarked(header: Buffer, { length }: readonly DbfField[]): boolean {
  return header[HEADER_BYTES + length * FIELD_BYTES] === END_OF_FIELDS;
}
