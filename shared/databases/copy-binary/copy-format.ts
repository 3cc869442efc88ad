/** The parts of PostgreSQL's binary COPY format (documentation of COPY, "Binary Format"). */

export const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');
/** Signature, no flags, no header extension. */
export const COPY_HEADER = Buffer.concat([SIGNATURE, Buffer.alloc(8)]);
/** Size of the field count of a row, and of the length of a field. */
export const COUNT_BYTES = 2;
export const LENGTH_BYTES = 4;
/** In the place of the length of a field: the value is null. */
export const NULL_LENGTH = -1;
/** In the place of the field count of a row: the end of the stream. */
export const TRAILER_COUNT = -1;
export const COPY_TRAILER = Buffer.from([0xff, 0xff]);

/**
 * A column in transit between PostgreSQL and DuckDB. The types are those whose bytes are equal in both, except for the
 * byte order. SQL on both sides converts other types, such as dates and decimals, to these types.
 */
export interface RawColumn {
  type: RawType;
  /** A list of `type`; in PostgreSQL a one-dimensional array. */
  list: boolean;
}

export type RawType = 'BOOLEAN' | 'SMALLINT' | 'INTEGER' | 'BIGINT' | 'FLOAT' | 'DOUBLE' | 'VARCHAR' | 'JSON' | 'BLOB';

/** Width of the types with a fixed length. */
export const BYTES_PER_VALUE: Partial<Record<RawType, number>> = {
  BOOLEAN: 1,
  SMALLINT: 2,
  INTEGER: 4,
  BIGINT: 8,
  FLOAT: 4,
  DOUBLE: 8,
};
