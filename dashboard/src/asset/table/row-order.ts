import { cellText } from '../parquet/cell-text.ts';
import { readChunk } from '../parquet/column-chunk.ts';
import type { ParquetFile } from '../parquet/parquet-file.ts';
import { sortKey, type ValueType, valueType } from '../parquet/stored-types.ts';
import { DataError } from '../worker/data-error.ts';
import { matcher } from './filter.ts';
import type { RowQuery } from './messages.ts';

/** Rows that are sorted and filtered at most. They keep the worker below 200 MB. */
const MAX_NUMBERS = 2_000_000;
const MAX_OTHERS = 500_000;

export interface RowOrder {
  /** The rows of the result in order; undefined for all rows in the order of the file. */
  rows: Uint32Array | undefined;
  total: number;
  searched: number;
}

/** Filters and sorts rows, reading one column at a time. Throws the reason of the signal. */
export async function rowOrder(parquet: ParquetFile, query: RowQuery, signal: AbortSignal): Promise<RowOrder> {
  const { sort, filter } = query;
  if (!sort && !filter) return { rows: undefined, total: parquet.rowCount, searched: parquet.rowCount };
  const types = [sort, filter].filter((each) => each !== undefined).map(({ column }) => typeOf(parquet, column));
  const limit = Math.min(...types.map(({ kind }) => (isSmall(kind) ? MAX_NUMBERS : MAX_OTHERS)));
  const searched = Math.min(limit, parquet.rowCount);
  let rows = filter
    ? await filtered(parquet, filter, searched, signal)
    : Uint32Array.from({ length: searched }, (_, i) => i);
  if (sort) rows = await sorted(parquet, sort, rows, searched, signal);
  return { rows, total: rows.length, searched };
}

function isSmall(kind: ValueType['kind']): boolean {
  return kind === 'double' || kind === 'float' || kind === 'boolean' || kind === 'date';
}

function typeOf({ columns }: ParquetFile, name: string): ValueType {
  const element = columns.find((column) => column.name === name)?.element;
  if (!element) throw new DataError(`The column ${JSON.stringify(name)} cannot be sorted or filtered.`);
  return valueType(element);
}

/** The row groups with the first rows of the file. */
async function* chunks(parquet: ParquetFile, column: string, searched: number, signal: AbortSignal) {
  for (const [group, { start }] of parquet.groups.entries()) {
    if (start >= searched) return;
    const values = await readChunk(parquet, group, [column]);
    signal.throwIfAborted();
    yield { start, values: values.length > searched - start ? values.slice(0, searched - start) : values };
  }
}

async function filtered(
  parquet: ParquetFile,
  filter: NonNullable<RowQuery['filter']>,
  searched: number,
  signal: AbortSignal,
): Promise<Uint32Array> {
  const type = typeOf(parquet, filter.column);
  const matches = matcher(filter, type, (value) => cellText(value, type));
  const found = new Uint32Array(searched);
  let length = 0;
  for await (const { start, values } of chunks(parquet, filter.column, searched, signal))
    for (let i = 0; i < values.length; i++) if (matches(values[i])) found[length++] = start + i;
  return found.slice(0, length);
}

async function sorted(
  parquet: ParquetFile,
  { column, descending }: NonNullable<RowQuery['sort']>,
  rows: Uint32Array,
  searched: number,
  signal: AbortSignal,
): Promise<Uint32Array> {
  const type = typeOf(parquet, column);
  const keys = new Array<ReturnType<typeof sortKey>>(searched);
  for await (const { start, values } of chunks(parquet, column, searched, signal))
    for (let i = 0; i < values.length; i++) keys[start + i] = sortKey(values[i], type);
  const sign = descending ? -1 : 1;
  return rows.sort((a, b) => {
    const [x, y] = [keys[a], keys[b]];
    if (x === y) return a - b;
    // Nulls are last in both directions.
    if (x === undefined) return 1;
    if (y === undefined) return -1;
    return x < y ? -sign : x > y ? sign : a - b;
  });
}
