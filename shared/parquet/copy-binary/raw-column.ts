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
