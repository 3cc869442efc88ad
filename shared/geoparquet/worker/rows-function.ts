import duckdb from '@duckdb/node-bindings';
import {
  BIGINT,
  BLOB,
  BOOLEAN,
  DOUBLE,
  DuckDBTableFunction,
  type DuckDBType,
  DuckDBVarCharType,
  FLOAT,
  INTEGER,
  LIST,
  SMALLINT,
  VARCHAR,
} from '@duckdb/node-api';
import type { RawColumn, RawType } from '#shared/databases/copy-binary/copy-format.ts';
import type { CopyBinaryReader } from '#shared/databases/copy-binary/reader.ts';
import { CHUNK_ROWS, type ColumnFiller, columnFiller } from './vectors.ts';

export const ROWS_FUNCTION = 'sluice_rows';
/** A larger chunk ends before it has all rows, because 2,048 geometries of 23 MB would not fit in memory. */
const CHUNK_BYTES = 16 * 2 ** 20;

/** JSON is VARCHAR with an alias; DuckDB then marks the column as JSON in the file. */
const DUCKDB_TYPE: Record<RawType, DuckDBType> = {
  BOOLEAN,
  SMALLINT,
  INTEGER,
  BIGINT,
  FLOAT,
  DOUBLE,
  VARCHAR,
  BLOB,
  JSON: DuckDBVarCharType.create('JSON'),
};

/**
 * A table function `sluice_rows()` with columns `c0`, `c1`, … that returns the rows of a COPY BINARY stream, once.
 * DuckDB keeps only the message of an error in it, so the error itself is stored in `failure`.
 */
export function rowsFunction(
  columns: RawColumn[],
  source: CopyBinaryReader,
  failure: { reason?: unknown },
): DuckDBTableFunction {
  const rows = new RowReader(columns, source);
  return DuckDBTableFunction.create({
    name: ROWS_FUNCTION,
    bindFunction: (info) => columns.forEach((column, index) => info.addResultColumn(`c${index}`, duckdbType(column))),
    initFunction: (info) => {
      info.setMaxThreads(1);
      info.setInitData({});
    },
    mainFunction: (info, output) => {
      try {
        rows.fill(output.chunk);
      } catch (thrown) {
        failure.reason = thrown;
        info.setError(thrown instanceof Error ? thrown.message : String(thrown));
      }
    },
  });
}

function duckdbType({ type, list }: RawColumn): DuckDBType {
  return list ? LIST(DUCKDB_TYPE[type]) : DUCKDB_TYPE[type];
}

class RowReader {
  #fillers: ColumnFiller[];
  #source: CopyBinaryReader;
  #state: 'new' | 'reading' | 'done' = 'new';

  constructor(columns: RawColumn[], source: CopyBinaryReader) {
    this.#fillers = columns.map(columnFiller);
    this.#source = source;
  }

  fill(chunk: duckdb.DataChunk): void {
    if (this.#state === 'new') this.#source.start();
    if (this.#state !== 'done') this.#state = 'reading';
    const fillers = this.#fillers;
    fillers.forEach((filler, index) => filler.begin(duckdb.data_chunk_get_vector(chunk, index)));
    let row = 0;
    let bytes = 0;
    while (this.#state === 'reading' && row < CHUNK_ROWS && bytes < CHUNK_BYTES) {
      if (!this.#source.nextRow(fillers.length)) {
        this.#state = 'done';
        break;
      }
      for (const filler of fillers) {
        const length = this.#source.nextLength();
        if (length < 0) {
          filler.putNull(row);
        } else {
          filler.put(row, this.#source, this.#source.nextValue(length), length);
          bytes += length;
        }
      }
      row++;
    }
    if (row > 0) for (const filler of fillers) filler.finish(row);
    duckdb.data_chunk_set_size(chunk, row);
  }
}
