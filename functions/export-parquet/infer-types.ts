import type { LockedDatabase } from '#shared/duckdb/locked-database.ts';
import type { Note } from '#shared/events/types.ts';
import { MAX_REJECTED_SAMPLE, type RejectedRow } from './rejected-rows.ts';
import { allFitSql, digitsSql, misfitTests, readableRowSql, type SourceColumn, type TableSource, valueSql } from './table-source.ts';
import { type ColumnType, ledgerType, type TabularType, VALUE_TYPES } from './value-types.ts';

/** What the values of all files say. */
export interface InferredTable {
  /** In the order of the columns. */
  types: ColumnType[];
  /** Rows of each file that can be read. */
  rowCounts: number[];
  notes: Note[];
}

/** Digits of DuckDB's and Parquet's decimals. */
const MAX_DECIMAL_DIGITS = 38;
/** Characters of a value in a message. */
const TOLD_CHARACTERS = 100;

/** DuckDB plans a statement of 1,000 expressions in a second, and one of 6,000 in a quarter of a minute. */
const EXPRESSIONS_PER_QUERY = 1_000;

/**
 * Types of the columns by all values, so that no row is rejected because a sample looked otherwise: one pass over the files, and another one
 * where digits of decimals must be counted. Rows that can't be read as a declared type are added to `rejected` of their file.
 */
export async function inferTypes(database: LockedDatabase, tables: readonly TableSource[], signal: AbortSignal): Promise<InferredTable> {
  const facts: Row[] = [];
  for (const table of tables) {
    const found = await examine(database, table, signal);
    facts.push(found);
    await addMisfits(database, table, Number(found.misfits), signal);
  }
  const columns = tables[0]?.columns ?? [];
  const found = columns.map((column, index) => column.declared ?? fittingType(column.candidates, index, facts));
  const digits = await countDigits(database, tables, found, signal);
  const notes: Note[] = [];
  const types = columns.map((column, index): ColumnType => {
    const type = found[index] ?? 'text';
    if (type !== 'decimal') return { type };
    const decimal = decimalType(digits.get(index), column.declared === 'decimal');
    if (decimal.type === 'text' && column.declared === 'decimal') notes.push(tooManyDigits(column.name));
    return decimal;
  });
  return { types, rowCounts: facts.map(({ rows, misfits }) => Number(rows) - Number(misfits)), notes };
}

type Row = Record<string, string | boolean | number | null>;

const fitName = (index: number, type: TabularType) => `f${index}_${type}`;
const valuesName = (index: number) => `v${index}`;

/**
 * What is to know of a file: `rows`, `misfits`, and for each column whose type is open whether it has values and which types all of them have.
 * A column that had no value at the beginning could be of any type: it is asked for values first, since most such columns have none at all.
 */
async function examine(database: LockedDatabase, table: TableSource, signal: AbortSignal): Promise<Row> {
  const isOpen = ({ declared }: SourceColumn) => declared === undefined;
  const isUnseen = ({ candidates }: SourceColumn) => candidates.length === VALUE_TYPES.length;
  const tests = (wanted: (column: SourceColumn, index: number) => boolean) => table.columns.flatMap((column, index) =>
    (isOpen(column) && wanted(column, index) ? column.candidates.filter((type) => type !== 'decimal').map((type) => `${allFitSql(table, column, type)} as ${fitName(index, type)}`) : []));
  const counts = table.columns.flatMap((column, index) => (isOpen(column) ? [`count(${valueSql(table, column)}) > 0 as ${valuesName(index)}`] : []));
  const totals = ['count(*) as rows', `count(*) filter (where not ${readableRowSql(table)}) as misfits`];
  const row = await aggregate(database, table, [...totals, ...counts, ...tests((column) => !isUnseen(column))], signal);
  const late = tests((column, index) => isUnseen(column) && row[valuesName(index)] === true);
  return late.length === 0 ? row : { ...row, ...(await aggregate(database, table, late, signal)) };
}

async function aggregate(database: LockedDatabase, table: TableSource, expressions: readonly string[], signal: AbortSignal): Promise<Row> {
  const row: Row = {};
  for (let at = 0; at < expressions.length; at += EXPRESSIONS_PER_QUERY) {
    const some = expressions.slice(at, at + EXPRESSIONS_PER_QUERY);
    Object.assign(row, (await database.query<Row>(`select ${some.join(', ')} from ${table.from}`, signal))[0]);
  }
  return row;
}

/** The first type that all values have; a column without a value is text, and `decimal` is left to the digits. */
function fittingType(candidates: readonly TabularType[], index: number, facts: readonly Row[]): TabularType {
  if (!facts.some((row) => row[valuesName(index)] === true)) return 'text';
  const fits = (type: TabularType) => candidates.includes(type) && facts.every((row) => row[fitName(index, type)] !== false);
  return VALUE_TYPES.find(({ type }) => type !== 'decimal' && fits(type))?.type ?? (candidates.includes('decimal') ? 'decimal' : 'text');
}

interface Digits {
  fits: boolean;
  hasPoint: boolean;
  whole: number;
  scale: number;
}

async function countDigits(database: LockedDatabase, tables: readonly TableSource[], types: readonly TabularType[], signal: AbortSignal): Promise<Map<number, Digits>> {
  const counted = types.flatMap((type, index) => (type === 'decimal' ? [index] : []));
  const all = new Map<number, Digits>();
  if (counted.length === 0) return all;
  for (const table of tables) {
    const [row = {}] = await database.query<Row>(digitsOfColumnsSql(table, counted), signal);
    for (const index of counted) {
      const before = all.get(index) ?? { fits: true, hasPoint: false, whole: 0, scale: 0 };
      all.set(index, {
        fits: before.fits && row[`f${index}`] !== false, hasPoint: before.hasPoint || row[`p${index}`] === true,
        whole: Math.max(before.whole, Number(row[`w${index}`] ?? 0)), scale: Math.max(before.scale, Number(row[`s${index}`] ?? 0)),
      });
    }
  }
  return all;
}

function digitsOfColumnsSql(table: TableSource, counted: readonly number[]): string {
  const facts = counted.flatMap((index) => {
    const column = table.columns[index] as SourceColumn;
    const { whole, scale, hasPoint } = digitsSql(table, column);
    return [`${allFitSql(table, column, 'decimal')} as f${index}`, `${whole} as w${index}`, `${scale} as s${index}`, `${hasPoint} as p${index}`];
  });
  return `select ${facts.join(', ')} from ${table.from} where ${readableRowSql(table)}`;
}

/** Whole numbers of more digits than a bigint has are ids, so they are text unless they are declared to be decimals. */
function decimalType(digits: Digits | undefined, isDeclared: boolean): ColumnType {
  const { fits, hasPoint, whole, scale } = digits ?? { fits: true, hasPoint: false, whole: 0, scale: 0 };
  if (whole + scale > MAX_DECIMAL_DIGITS || (!isDeclared && !(fits && hasPoint))) return { type: 'text' };
  return { type: 'decimal', precision: Math.max(1, whole + scale), scale };
}

function tooManyDigits(column: string): Note {
  return { code: 'DECIMAL_TOO_LONG', message: `Column ${JSON.stringify(column)} is text: its values need more than the ${MAX_DECIMAL_DIGITS} digits that a decimal has.`, column };
}

/** Tells the first rows that don't fit, by line, column and value. */
async function addMisfits(database: LockedDatabase, table: TableSource, count: number, signal: AbortSignal): Promise<void> {
  if (count === 0) return;
  const tests = misfitTests(table);
  const select = tests.map(({ value, test }, index) => `case when ${test} then left(${value}, ${TOLD_CHARACTERS}) end as t${index}`);
  const rows = await database.query<Row>(`select line, ${select.join(', ')} from ${table.from} where not ${readableRowSql(table)} order by line limit ${MAX_REJECTED_SAMPLE}`, signal);
  table.rejected.addAll(count, rows.map((row) => misfit(row, tests.map(({ column }) => column))));
}

function misfit(row: Row, columns: readonly SourceColumn[]): RejectedRow {
  const index = columns.findIndex((_, position) => row[`t${position}`] !== null);
  const column = columns[index];
  const type = ledgerType({ type: column?.declared ?? 'text' }).replace(/^numeric.*/, 'decimal');
  return { line: Number(row.line), reason: `has ${JSON.stringify(row[`t${index}`])} in column ${JSON.stringify(column?.name)}, which is ${/^[aeiou]/.test(type) ? 'an' : 'a'} ${type}` };
}
