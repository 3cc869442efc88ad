import type { LockedDatabase } from '#shared/duckdb/locked-database.ts';
import type { Note } from '#shared/contracts/facts.ts';
import { type ColumnFacts, factsOfColumns } from './column-facts.ts';
import { MAX_REJECTED_SAMPLE, type RejectedRow } from './rejected-rows.ts';
import {
  allFitSql,
  allReadableSql,
  digitsSql,
  isAnyText,
  misfitTests,
  readableRowSql,
  type SourceColumn,
  type TableSource,
  valueSql,
} from './table-source.ts';
import { type ColumnType, ledgerType, type TabularType, VALUE_TYPES } from './value-types.ts';

/** What the values of all files say. */
export interface InferredTable {
  /** As they were given, with what is known of their columns now. */
  tables: TableSource[];
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

/**
 * Types of the columns by all values, so that no row is rejected because a sample looked otherwise: one pass over the files, and another one
 * where digits of decimals must be counted. Rows that can't be read as a declared type are added to `rejected` of their file.
 */
export async function inferTypes(
  database: LockedDatabase,
  given: readonly TableSource[],
  signal: AbortSignal,
): Promise<InferredTable> {
  const facts: ColumnFacts[][] = [];
  const tables: TableSource[] = [];
  const rowCounts: number[] = [];
  for (const table of given) {
    const found = await examine(database, table, signal);
    const known = {
      ...table,
      columns: table.columns.map((column, index) => ({ ...column, isReadable: found[index]?.readable !== false })),
    };
    facts.push(found);
    tables.push(known);
    rowCounts.push(table.rows - (await addMisfits(database, known, signal)));
  }
  const columns = tables[0]?.columns ?? [];
  const found = columns.map(
    (column, index) =>
      column.declared ??
      fittingType(
        column.candidates,
        facts.map((table) => table[index] ?? {}),
      ),
  );
  const digits = await countDigits(database, tables, found, signal);
  const notes: Note[] = [];
  const types = columns.map((column, index): ColumnType => {
    const type = found[index] ?? 'text';
    if (type !== 'decimal') return { type };
    const decimal = decimalType(digits.get(index), column.declared === 'decimal');
    if (decimal.type === 'text' && column.declared === 'decimal') notes.push(tooManyDigits(column.name));
    return decimal;
  });
  return { tables, types, rowCounts, notes };
}

const fitName = (type: TabularType) => `is_${type}`;

/**
 * What is to know of each column: whether a declared one is `readable`; else whether it `has_values`, and which types all of them have.
 * A column that had no value at the beginning could be of any type: it is asked for values first, since most such columns have none at all.
 */
async function examine(database: LockedDatabase, table: TableSource, signal: AbortSignal): Promise<ColumnFacts[]> {
  const isUnseen = ({ candidates }: SourceColumn) => candidates.length === VALUE_TYPES.length;
  const fits = (column: SourceColumn) =>
    Object.fromEntries(
      column.candidates
        .filter((type) => type !== 'decimal')
        .map((type) => [fitName(type), allFitSql(table, column, type)]),
    );
  const facts = await factsOfColumns(
    database,
    table,
    table.columns,
    (column): Record<string, string> => {
      const { declared } = column;
      if (declared !== undefined)
        return isAnyText(declared) ? {} : { readable: allReadableSql(table, column, declared) };
      return { has_values: `count(${valueSql(table, column)}) > 0`, ...(isUnseen(column) ? {} : fits(column)) };
    },
    signal,
  );
  const late = table.columns.flatMap((column, index) =>
    isUnseen(column) && facts[index]?.has_values === true ? [{ column, index }] : [],
  );
  const fitsOfLate = await factsOfColumns(
    database,
    table,
    late.map(({ column }) => column),
    fits,
    signal,
  );
  for (const [at, { index }] of late.entries()) facts[index] = { ...facts[index], ...fitsOfLate[at] };
  return facts;
}

/** The first type that all values have; a column without a value is text, and `decimal` is left to the digits. `facts` are those of each file. */
function fittingType(candidates: readonly TabularType[], facts: readonly ColumnFacts[]): TabularType {
  if (!facts.some(({ has_values }) => has_values === true)) return 'text';
  const fits = (type: TabularType) =>
    candidates.includes(type) && facts.every((column) => column[fitName(type)] !== false);
  return (
    VALUE_TYPES.find(({ type }) => type !== 'decimal' && fits(type))?.type ??
    (candidates.includes('decimal') ? 'decimal' : 'text')
  );
}

interface Digits {
  fits: boolean;
  hasPoint: boolean;
  whole: number;
  scale: number;
}

async function countDigits(
  database: LockedDatabase,
  tables: readonly TableSource[],
  types: readonly TabularType[],
  signal: AbortSignal,
): Promise<Map<number, Digits>> {
  const counted = types.flatMap((type, index) => (type === 'decimal' ? [index] : []));
  const all = new Map<number, Digits>();
  for (const table of tables) {
    const where = misfitTests(table).length === 0 ? undefined : readableRowSql(table);
    const facts = await factsOfColumns(
      database,
      table,
      counted.map((index) => table.columns[index] as SourceColumn),
      (column) => ({ fits: allFitSql(table, column, 'decimal'), ...digitsSql(table, column) }),
      signal,
      where,
    );
    for (const [at, index] of counted.entries()) {
      const before = all.get(index) ?? { fits: true, hasPoint: false, whole: 0, scale: 0 };
      const { fits, hasPoint, whole, scale } = facts[at] ?? {};
      all.set(index, {
        fits: before.fits && fits !== false,
        hasPoint: before.hasPoint || hasPoint === true,
        whole: Math.max(before.whole, Number(whole ?? 0)),
        scale: Math.max(before.scale, Number(scale ?? 0)),
      });
    }
  }
  return all;
}

/** Whole numbers of more digits than a bigint has are ids, so they are text unless they are declared to be decimals. */
function decimalType(digits: Digits | undefined, isDeclared: boolean): ColumnType {
  const { fits, hasPoint, whole, scale } = digits ?? { fits: true, hasPoint: false, whole: 0, scale: 0 };
  if (whole + scale > MAX_DECIMAL_DIGITS || (!isDeclared && !(fits && hasPoint))) return { type: 'text' };
  return { type: 'decimal', precision: Math.max(1, whole + scale), scale };
}

function tooManyDigits(column: string): Note {
  return {
    code: 'DECIMAL_TOO_LONG',
    message: `Column ${JSON.stringify(column)} is text: its values need more than the ${MAX_DECIMAL_DIGITS} digits that a decimal has.`,
    column,
  };
}

/** Counts the rows that don't fit, and tells the first of them, by line, column and value. */
async function addMisfits(database: LockedDatabase, table: TableSource, signal: AbortSignal): Promise<number> {
  const tests = misfitTests(table);
  if (tests.length === 0) return 0;
  const where = `where not ${readableRowSql(table)}`;
  const [{ count } = { count: 0 }] = await database.query<{ count: string | number }>(
    `select count(*) as count from ${table.from} ${where}`,
    signal,
  );
  const select = tests.map(
    ({ value, test }, index) => `case when ${test} then left(${value}, ${TOLD_CHARACTERS}) end as t${index}`,
  );
  const rows = await database.query<ColumnFacts>(
    `select line, ${select.join(', ')} from ${table.from} ${where} order by line limit ${MAX_REJECTED_SAMPLE}`,
    signal,
  );
  table.rejected.addAll(
    Number(count),
    rows.map((row) =>
      misfit(
        row,
        tests.map(({ column }) => column),
      ),
    ),
  );
  return Number(count);
}

function misfit(row: ColumnFacts, columns: readonly SourceColumn[]): RejectedRow {
  const index = columns.findIndex((_, position) => row[`t${position}`] !== null);
  const column = columns[index];
  const type = ledgerType({ type: column?.declared ?? 'text' }).replace(/^numeric.*/, 'decimal');
  return {
    line: Number(row.line),
    reason: `has ${JSON.stringify(row[`t${index}`])} in column ${JSON.stringify(column?.name)}, which is ${/^[aeiou]/.test(type) ? 'an' : 'a'} ${type}`,
  };
}
