import { parquetReadObjects } from 'hyparquet';
import { Cache } from '../parquet/cache.ts';
import { cellText } from '../parquet/cell-text.ts';
import { chunkBytes, readChunk } from '../parquet/column-chunk.ts';
import { groupOfRow, type ParquetFile, type TableColumn } from '../parquet/parquet-file.ts';
import { valueType } from '../parquet/stored-types.ts';
import { compressors } from '../parquet/compressors.ts';
import type { TableRow } from './messages.ts';

/** Decoded column chunks of the last pages. */
const CACHE_BYTES = 32 * 2 ** 20;
/** What a decoded value needs in V8 in addition to its bytes: a view of an array, a bigint, or a number. */
const BYTES_PER_OBJECT: Record<string, number> = { BYTE_ARRAY: 136, FIXED_LEN_BYTE_ARRAY: 136, INT64: 32, DOUBLE: 24 };
/** Larger texts are cut in the table and in the attributes of a feature. */
const MAX_CELL_LENGTH = 2_000;

/** Reads the cells of any rows as exact text. */
export class PageReader {
  readonly #parquet: ParquetFile;
  readonly #chunks = new Cache<string, Promise<unknown[]>>(CACHE_BYTES);

  constructor(parquet: ParquetFile) {
    this.#parquet = parquet;
  }

  async read(rows: number[]): Promise<TableRow[]> {
    const columns: (string | null)[][] = [];
    for (const column of this.#parquet.columns) columns.push(await this.#cells(column, rows));
    return rows.map((row, index) => ({ row, cells: columns.map((cells) => shortened(cells[index] ?? null)) }));
  }

  async #cells(column: TableColumn, rows: number[]): Promise<(string | null)[]> {
    const { element, name } = column;
    if (!element) return await Promise.all(rows.map((row) => this.#nested(name, row)));
    const type = valueType(element);
    const texts: (string | null)[] = [];
    // One row group at a time: rows in the order of another column are in as many row groups.
    for (const row of rows) {
      const group = groupOfRow(this.#parquet, row);
      const values = await this.#chunk(group, column);
      texts.push(cellText(values[row - (this.#parquet.groups[group]?.start ?? 0)], type));
    }
    return texts;
  }

  #chunk(group: number, { name, element }: TableColumn): Promise<unknown[]> {
    const key = `${group} ${name}`;
    const found = this.#chunks.get(key);
    if (found) return found;
    const values = readChunk(this.#parquet, group, [name]);
    const rows = this.#parquet.groups[group]?.rows ?? 0;
    const objects = rows * (BYTES_PER_OBJECT[element?.type ?? 'BYTE_ARRAY'] ?? 0);
    this.#chunks.set(key, values, chunkBytes(this.#parquet, group, [name]) + objects);
    return values;
  }

  /** A list or a struct as JSON. Integers keep all digits. */
  async #nested(name: string, row: number): Promise<string | null> {
    const { file, metadata } = this.#parquet;
    const options = { file, metadata, compressors, columns: [name], rowStart: row, rowEnd: row + 1 };
    const [value] = await parquetReadObjects(options);
    const content: unknown = value?.[name];
    return content === null || content === undefined ? null : json(content);
  }
}

function json(value: unknown): string {
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return `[${value.map(json).join(', ')}]`;
  if (value instanceof Date || value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).map(([key, each]) => `${JSON.stringify(key)}: ${json(each)}`);
  return `{${entries.join(', ')}}`;
}

function shortened(text: string | null): string | null {
  return text !== null && text.length > MAX_CELL_LENGTH ? `${text.slice(0, MAX_CELL_LENGTH)}…` : text;
}
