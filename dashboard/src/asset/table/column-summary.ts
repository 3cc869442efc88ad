import { cellText, decimalText } from '../parquet/cell-text.ts';
import { chunkStatistics, readChunk } from '../parquet/column-chunk.ts';
import type { ParquetFile } from '../parquet/parquet-file.ts';
import { isNumeric, sortKey, type ValueType, valueType } from '../parquet/stored-types.ts';
import { spread } from '../parquet/spread.ts';
import { DataError } from '../worker/data-error.ts';
import type { ColumnSummary } from './messages.ts';

/** Row groups that are counted, spread over the file: about 65,000 rows. */
const SAMPLED_GROUPS = 4;
const BINS = 24;
const FREQUENT = 5;
/** Columns with more different values have no frequent ones worth a list. */
const MAX_DISTINCT = 5_000;

/** Nulls and range of a column from the footer, and the distribution of its values in a sample. */
export async function summarizeColumn(parquet: ParquetFile, name: string, signal: AbortSignal): Promise<ColumnSummary> {
  const element = parquet.columns.find((column) => column.name === name)?.element;
  if (!element) throw new DataError(`The column ${JSON.stringify(name)} is nested and has no statistics.`);
  const type = valueType(element);
  const { nulls, min, max } = footerRange(parquet, name);
  const values: unknown[] = [];
  for (const group of spread(parquet.groups.length).slice(0, SAMPLED_GROUPS)) {
    for (const value of await readChunk(parquet, group, [name])) values.push(value);
    signal.throwIfAborted();
  }
  const hasRange = isNumeric(type) || type.kind === 'date' || type.kind === 'timestamp';
  return {
    nulls,
    min: hasRange && min !== undefined ? statisticText(min, type) : undefined,
    max: hasRange && max !== undefined ? statisticText(max, type) : undefined,
    histogram: hasRange ? histogram(values, type) : undefined,
    frequent: hasRange || type.kind === 'binary' ? undefined : frequent(values, type),
    sampled: values.length,
  };
}

/** From the statistics of all row groups; undefined where one has none. */
function footerRange(parquet: ParquetFile, name: string) {
  let nulls: number | undefined = 0;
  let [min, max]: (number | bigint | undefined)[] = [];
  for (const group of parquet.groups.keys()) {
    const found = chunkStatistics(parquet, group, [name]);
    nulls = nulls === undefined || found?.null_count === undefined ? undefined : nulls + Number(found.null_count);
    const [low, high] = [found?.min_value, found?.max_value];
    if ((typeof low === 'number' || typeof low === 'bigint') && (min === undefined || low < min)) min = low;
    if ((typeof high === 'number' || typeof high === 'bigint') && (max === undefined || high > max)) max = high;
  }
  return { nulls, min, max };
}

/** hyparquet converts the decimals of statistics to doubles. */
function statisticText(value: number | bigint, type: ValueType): string {
  if (type.kind !== 'decimal')
    return typeof value === 'bigint' || type.kind === 'date' ? (cellText(value, type) ?? '') : String(value);
  const unscaled = Math.round(Number(value) * 10 ** type.scale);
  return Number.isSafeInteger(unscaled) ? decimalText(BigInt(unscaled), type.scale) : `about ${String(value)}`;
}

function histogram(values: unknown[], type: ValueType): ColumnSummary['histogram'] {
  const numbers = values.map((value) => Number(sortKey(value, type))).filter((value) => Number.isFinite(value));
  if (numbers.length === 0) return undefined;
  let [from, to] = [Infinity, -Infinity];
  for (const value of numbers) [from, to] = [Math.min(from, value), Math.max(to, value)];
  const counts = new Array<number>(from === to ? 1 : BINS).fill(0);
  for (const value of numbers) {
    const bin = from === to ? 0 : Math.min(counts.length - 1, Math.floor(((value - from) / (to - from)) * BINS));
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  return { counts, from: boundText(from, type), to: boundText(to, type) };
}

function boundText(value: number, type: ValueType): string {
  if (type.kind === 'timestamp') return cellText(BigInt(Math.round(value)), type) ?? '';
  if (type.kind === 'date') return cellText(Math.round(value), type) ?? '';
  return String(type.kind === 'decimal' ? value / 10 ** type.scale : value);
}

function frequent(values: unknown[], type: ValueType): ColumnSummary['frequent'] {
  const counts = new Map<string, number>();
  for (const value of values) {
    const text = cellText(value, type);
    if (text !== null) counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  const distinct = counts.size;
  if (distinct > MAX_DISTINCT) return { values: [], distinct };
  const sorted = [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  return { values: sorted.slice(0, FREQUENT).map(([text, count]) => ({ text, count })), distinct };
}
