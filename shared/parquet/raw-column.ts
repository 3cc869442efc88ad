/**
 * A column as it travels from PostgreSQL to DuckDB: a few plain types whose bytes can be moved as they are.
 * What they mean (a date, a decimal) is said by the SQL on both sides: column-types.ts.
 */
export type RawType = 'BOOLEAN' | 'SMALLINT' | 'INTEGER' | 'BIGINT' | 'FLOAT' | 'DOUBLE' | 'VARCHAR' | 'JSON' | 'BLOB';

export interface RawColumn {
  type: RawType;
  /** A list of `type`; in PostgreSQL an array of one dimension. */
  list: boolean;
}

/** Width of the fixed ones, the same in both; the others have a length of their own. */
export const BYTES_PER_VALUE: Partial<Record<RawType, number>> = {
  BOOLEAN: 1,
  SMALLINT: 2,
  INTEGER: 4,
  BIGINT: 8,
  FLOAT: 4,
  DOUBLE: 8,
};
