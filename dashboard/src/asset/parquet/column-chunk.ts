import type { ColumnMetaData, DecodedArray, PageHeader, SchemaTree } from 'hyparquet';
import { parquetHeader } from 'hyparquet/src/column.js';
import { decompressPage, readDataPage, readDataPageV2 } from 'hyparquet/src/datapage.js';
import { readPlain } from 'hyparquet/src/plain.js';
import { getMaxDefinitionLevel, getTreePath } from 'hyparquet/src/schema.js';
import { DataError } from '../worker/data-error.ts';
import { compressors } from './compressors.ts';
import type { ParquetFile } from './parquet-file.ts';

/**
 * Reads column chunks as stored values. hyparquet's own reader converts them: a decimal to a double, a time to
 * milliseconds, and a struct to one object for each row.
 */

interface Leaf {
  chunk: ColumnMetaData;
  path: SchemaTree[];
  element: SchemaTree['element'];
}

function leafOf({ metadata, schema }: ParquetFile, group: number, path: string[]): Leaf {
  const name = path.join('.');
  const column = metadata.row_groups[group]?.columns.find((each) => each.meta_data?.path_in_schema.join('.') === name);
  const tree = getTreePath(schema, path);
  const element = tree.at(-1)?.element;
  if (column?.meta_data === undefined || element === undefined)
    throw new DataError(`The file has no column ${JSON.stringify(name)}.`);
  return { chunk: column.meta_data, path: tree, element };
}

/** Bytes of a column chunk after decompression, from the footer. */
export function chunkBytes(parquet: ParquetFile, group: number, path: string[]): number {
  return Number(leafOf(parquet, group, path).chunk.total_uncompressed_size);
}

/** The statistics of a column chunk in the footer; undefined if there are none. */
export function chunkStatistics(parquet: ParquetFile, group: number, path: string[]) {
  return leafOf(parquet, group, path).chunk.statistics;
}

/** The values of a column without repetition. One element for each row of the row group. */
export async function readChunk(parquet: ParquetFile, group: number, path: string[]): Promise<unknown[]> {
  const rows = new Array<unknown>(parquet.groups[group]?.rows ?? 0);
  await forEachPage(parquet, leafOf(parquet, group, path), (values, start, levels, maxLevel) => {
    if (levels === undefined) for (let i = 0; i < values.length; i++) rows[start + i] = values[i];
    else for (let i = 0, next = 0; i < levels.length; i++) if (levels[i] === maxLevel) rows[start + i] = values[next++];
  });
  return rows;
}

/** As readChunk, for a column of doubles. NaN is null. */
export async function readDoubles(parquet: ParquetFile, group: number, path: string[]): Promise<Float64Array> {
  const rows = new Float64Array(parquet.groups[group]?.rows ?? 0).fill(NaN);
  await forEachPage(parquet, leafOf(parquet, group, path), (values, start, levels, maxLevel) => {
    if (levels === undefined && values instanceof Float64Array) rows.set(values, start);
    else if (levels === undefined) for (let i = 0; i < values.length; i++) rows[start + i] = values[i] as number;
    else
      for (let i = 0, next = 0; i < levels.length; i++)
        if (levels[i] === maxLevel) rows[start + i] = values[next++] as number;
  });
  return rows;
}

type OnPage = (values: DecodedArray, start: number, levels: number[] | undefined, maxLevel: number) => void;

/** Decodes the pages in order. `levels` is undefined on a page without nulls. */
async function forEachPage({ file }: ParquetFile, leaf: Leaf, onPage: OnPage): Promise<void> {
  const { chunk, path, element } = leaf;
  const first = Number(chunk.dictionary_page_offset ?? chunk.data_page_offset);
  const buffer = await file.slice(first, first + Number(chunk.total_compressed_size));
  const reader = { view: new DataView(buffer), offset: 0 };
  const maxLevel = getMaxDefinitionLevel(path);
  let dictionary: DecodedArray | undefined;
  let row = 0;
  while (reader.offset < buffer.byteLength - 1) {
    const header = parquetHeader(reader);
    const page = new Uint8Array(buffer, reader.offset, header.compressed_page_size);
    reader.offset += header.compressed_page_size;
    if (header.dictionary_page_header) {
      const bytes = decompressPage(page, header.uncompressed_page_size, chunk.codec, compressors);
      const plain = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 };
      dictionary = readPlain(plain, chunk.type, header.dictionary_page_header.num_values, element.type_length);
    } else {
      const { rows, values, levels } = decodePage(page, header, leaf);
      const isIndex = (header.data_page_header ?? header.data_page_header_v2)?.encoding.endsWith('_DICTIONARY');
      const decoded = isIndex && dictionary ? lookUp(values, dictionary) : values;
      onPage(decoded, row, decoded.length === rows ? undefined : levels, maxLevel);
      row += rows;
    }
  }
}

function decodePage(page: Uint8Array, header: PageHeader, { chunk, path, element }: Leaf) {
  const decoder = { ...chunk, element, schemaPath: path, pathInSchema: chunk.path_in_schema, compressors };
  type Decoder = Parameters<typeof readDataPageV2>[2];
  if (header.data_page_header_v2) {
    const { dataPage, definitionLevels } = readDataPageV2(page, header, decoder as unknown as Decoder);
    return { rows: header.data_page_header_v2.num_values, values: dataPage, levels: definitionLevels };
  }
  if (!header.data_page_header) throw new DataError(`The file has a page of an unknown type: ${header.type}.`);
  const bytes = decompressPage(page, header.uncompressed_page_size, chunk.codec, compressors);
  const { dataPage, definitionLevels } = readDataPage(bytes, header.data_page_header, decoder as unknown as Decoder);
  return { rows: header.data_page_header.num_values, values: dataPage, levels: definitionLevels };
}

function lookUp(indexes: DecodedArray, dictionary: DecodedArray): DecodedArray {
  const values = new Array<unknown>(indexes.length);
  for (let i = 0; i < values.length; i++) values[i] = (dictionary as unknown[])[(indexes as number[])[i] ?? 0];
  return values;
}
