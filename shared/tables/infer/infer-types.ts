import { type ColumnType, ledgerType, type ValueType } from '#shared/contracts/column-types.ts';
import type { Note } from '#shared/contracts/shared-schemas.ts';
import type { LockedDatabase } from '#shared/databases/locked-duckdb.ts';
import { MAX_REJECTED_SAMPLE, type RejectedRow } from '../row-writer.ts';
import { aggregateColumns, type ColumnFacts } from './aggregate-columns.ts';
import { countDigits, decimalType, tooManyDigits } from './decimal-types.ts';
import {
  allFitSql,
  allReadableSql,
  readableRowSql,
  type TextColumn,
  type TextTable,
  unreadableTests,
  valueSql,
} from './text-table.ts';
import { normalizer, type Notation } from './notation.ts';
import { fitsSql } from './value-sql.ts';
import { acceptsAnyText, isWrittenAs, TYPE_RULES } from './value-types.ts';

export interface InferredTypes<T extends TextTable = TextTable> {
  /** The given tables, with `isReadable` of their columns. */
  tables: T[];
  /** The types, in the order of the columns. */
  types: ColumnType[];
  /** Rows of each table that can be read. */
  rowCounts: number[];
  notes: Note[];
}

/**
 * Infers the types of the columns from all values of all tables, which have the same columns. A column has a type when
 * every value is written in the plain notation of that type (value-types.ts), so that no value is changed and no row
 * is rejected because of a sample. Rows that cannot be read as a declared type are added to `rejected` of their table.
 *
 * Each table is read once, and again where columns had no value in the sample or digits of decimals must be counted.
 */
export async function inferTypes<T extends TextTable>(
  database: LockedDatabase,
  given: readonly T[],
  signal: AbortSignal,
): Promise<InferredTypes<T>> {
  const facts: ColumnFacts[][] = [];
  const tables: T[] = [];
  const rowCounts: number[] = [];
  for (const table of given) {
    const found = await examineColumns(database, table, signal);
    const columns = table.columns.map((column, index) => ({
      ...column,
      isReadable: found[index]?.readable !== false,
    }));
    const examined = { ...table, columns };
    facts.push(found);
    tables.push(examined);
    rowCounts.push(table.rowCount - (await rejectUnreadableRows(database, examined, signal)));
  }
  const fitting = (tables[0]?.columns ?? []).map((column, index) => {
    const factsOfTables = facts.map((table) => table[index] ?? {});
    return column.declared ?? fittingType(column.candidates, factsOfTables);
  });
  const { types, notes } = await resolveDecimals(database, tables, fitting, signal);
  const textNotes = await notesOfText(database, tables, types, signal);
  return { tables, rowCounts, types, notes: [...notes, ...textNotes] };
}

const fitName = (type: ValueType) => `is_${type}`;

/**
 * Facts about each column of a table: `readable` of a declared column; else `has_values`, and `is_TYPE` for each
 * candidate. A column without values in the sample has all types as candidates. Only `has_values` is computed for it
 * at first, because most such columns have no values at all.
 */
async function examineColumns(database: LockedDatabase, table: TextTable, signal: AbortSignal): Promise<ColumnFacts[]> {
  const isUnsampled = ({ candidates }: TextColumn) => candidates.length === TYPE_RULES.length;
  const fits = (column: TextColumn) => {
    const types = column.candidates.filter((type) => type !== 'decimal');
    return Object.fromEntries(types.map((type) => [fitName(type), allFitSql(table, column, type)]));
  };
  const firstFacts = (column: TextColumn): Record<string, string> => {
    const { declared } = column;
    if (declared === undefined)
      return { has_values: `count(${valueSql(table, column)}) > 0`, ...(isUnsampled(column) ? {} : fits(column)) };
    return acceptsAnyText(declared) ? {} : { readable: allReadableSql(table, column, declared) };
  };
  const facts = await aggregateColumns(database, table, table.columns, firstFacts, signal);
  const remaining = [...table.columns.entries()].filter(
    ([index, column]) => isUnsampled(column) && facts[index]?.has_values === true,
  );
  const remainingColumns = remaining.map(([, column]) => column);
  const remainingFacts = await aggregateColumns(database, table, remainingColumns, fits, signal);
  for (const [at, [index]] of remaining.entries()) facts[index] = { ...facts[index], ...remainingFacts[at] };
  return facts;
}

/**
 * The first type that all values have, from the facts of each table. A column without values is text. `decimal` is
 * returned for a candidate that has no other type, before its digits are counted.
 */
function fittingType(candidates: readonly ValueType[], facts: readonly ColumnFacts[]): ValueType {
  if (!facts.some(({ has_values }) => has_values === true)) return 'text';
  const fits = (type: ValueType) =>
    type !== 'decimal' && candidates.includes(type) && facts.every((column) => column[fitName(type)] !== false);
  return TYPE_RULES.find(({ type }) => fits(type))?.type ?? (candidates.includes('decimal') ? 'decimal' : 'text');
}

/** Gives decimals their precision and scale. A decimal with too many digits becomes text. */
async function resolveDecimals(
  database: LockedDatabase,
  tables: readonly TextTable[],
  fitting: readonly ValueType[],
  signal: AbortSignal,
): Promise<{ types: ColumnType[]; notes: Note[] }> {
  const indexes = fitting.flatMap((type, index) => (type === 'decimal' ? [index] : []));
  const digits = await countDigits(database, tables, indexes, signal);
  const notes: Note[] = [];
  const types = fitting.map((type, index): ColumnType => {
    if (type !== 'decimal') return { type };
    const column = tables[0]?.columns[index];
    const isDeclared = column?.declared === 'decimal';
    const decimal = decimalType(digits.get(index), isDeclared);
    if (decimal.type === 'text' && isDeclared) notes.push(tooManyDigits(column.name));
    return decimal;
  });
  return { types, notes };
}

/** Columns in a note, and columns whose first other value is looked up. */
const MAX_NOTED_COLUMNS = 5;
/** A wider table takes seconds for each query. */
const MAX_LOOKUP_WIDTH = 500;

/**
 * Notes about columns that became text: because of a value after the sample, which is named, or with values that have
 * spaces around them.
 */
async function notesOfText(
  database: LockedDatabase,
  tables: readonly TextTable[],
  types: readonly ColumnType[],
  signal: AbortSignal,
): Promise<Note[]> {
  const notes: Note[] = [];
  const isText = (_: TextColumn, index: number) => types[index]?.type === 'text';
  for (const table of tables) notes.push(...(await notesOfOtherValues(database, table, isText, signal)));
  const padded = (tables[0]?.columns ?? []).filter(isText).filter((column) => column.padded === true);
  return padded.length > 0 ? [...notes, blanksKept(padded.map(({ name }) => JSON.stringify(name)))] : notes;
}

/** For each column whose first values have a type that later ones do not have: a note with the first of these. */
async function notesOfOtherValues(
  database: LockedDatabase,
  table: TextTable,
  isText: (column: TextColumn, index: number) => boolean,
  signal: AbortSignal,
): Promise<Note[]> {
  const columns = table.columns.filter(isText).filter(({ declared, candidates }) => {
    // A string of JSON, and a date of a sheet, can have several types of time, whatever the first values are.
    const isAnyTime = candidates.includes('date') && candidates.includes('timestamp');
    const isSampled = candidates.length > 0 && candidates.length < TYPE_RULES.length && !isAnyTime;
    return declared === undefined && isSampled;
  });
  const examined = columns.slice(0, MAX_NOTED_COLUMNS);
  if (examined.length === 0 || table.columns.length > MAX_LOOKUP_WIDTH) return [];
  const others = examined.map((column, index) => {
    const value = valueSql(table, column);
    const fits = column.candidates.map((type) => `coalesce(${fitsSql(type, value, table.notation)}, false)`);
    const isOther = `${value} is not null and not (${fits.join(' or ')})`;
    return (
      `min(line) filter (where ${isOther}) as line_${index}, ` +
      `arg_min(${value}, line) filter (where ${isOther}) as value_${index}`
    );
  });
  const [found = {}] = await database.query<ColumnFacts>(`select ${others.join(', ')} from ${table.rowsSql}`, signal);
  return examined.flatMap((column, index) => {
    const [line, value] = [found[`line_${index}`], found[`value_${index}`]];
    return typeof value === 'string' ? [otherValue(column, Number(line), value, table.notation)] : [];
  });
}

function otherValue({ name, candidates }: TextColumn, line: number, value: string, notation: Notation): Note {
  const types = candidates.filter((candidate) => candidate !== 'decimal');
  const written = types.find((candidate) => isWrittenAs(candidate, normalizer(candidate, notation)(value)));
  const type = written ?? types[0] ?? 'double';
  const isDate = type !== 'double' && type !== 'bigint';
  const format = isDate && notation.date !== undefined ? ` (\`date_format\` is ${notation.date})` : '';
  // A date that does not exist, or a number outside the range, has the notation of the type.
  const reason =
    written !== undefined
      ? `, which is not in the range of ${ledgerType({ type })}${format}.`
      : `. The values at the beginning of the file are of type ${ledgerType({ type })}.`;
  return {
    code: 'COLUMN_IS_TEXT',
    column: name,
    message:
      `Column ${JSON.stringify(name)} is text, because line ${line} has ` +
      `${JSON.stringify(value.slice(0, MAX_VALUE_CHARACTERS))}${reason}`,
  };
}

function blanksKept(columns: readonly string[]): Note {
  const listed = columns.slice(0, MAX_NOTED_COLUMNS).join(', ');
  const subject = `${columns.length === 1 ? 'column' : 'columns'} ${listed}`;
  const more = columns.length > MAX_NOTED_COLUMNS ? ', …' : '';
  return {
    code: 'BLANKS_KEPT',
    message: `Values of ${subject}${more} begin or end with spaces, which were kept, because they are text.`,
  };
}

/** Characters of a value in a message. */
const MAX_VALUE_CHARACTERS = 100;

/** Adds the rows that cannot be read as the declared types to the rejected rows of the table. Returns their number. */
export async function rejectUnreadableRows(
  database: LockedDatabase,
  table: TextTable,
  signal: AbortSignal,
): Promise<number> {
  const tests = unreadableTests(table);
  if (tests.length === 0) return 0;
  const where = `where not ${readableRowSql(table)}`;
  const [counted] = await database.query<{ count: string | number }>(
    `select count(*) as count from ${table.rowsSql} ${where}`,
    signal,
  );
  const values = tests.map(
    ({ value, test }, index) => `case when ${test} then left(${value}, ${MAX_VALUE_CHARACTERS}) end as t${index}`,
  );
  const rows = await database.query<ColumnFacts>(
    `select line, ${values.join(', ')} from ${table.rowsSql} ${where} order by line limit ${MAX_REJECTED_SAMPLE}`,
    signal,
  );
  const count = Number(counted?.count ?? 0);
  const columns = tests.map(({ column }) => column);
  table.rejected.addAll(
    count,
    rows.map((row) => rejectedRow(row, columns)),
  );
  return count;
}

/** The first unreadable value of a row. */
function rejectedRow(row: ColumnFacts, columns: readonly TextColumn[]): RejectedRow {
  const index = columns.findIndex((_, position) => row[`t${position}`] !== null);
  const column = columns[index];
  const value = JSON.stringify(row[`t${index}`]);
  const type = column?.declared === 'decimal' ? 'decimal' : ledgerType({ type: column?.declared ?? 'text' });
  return {
    line: Number(row.line),
    reason: `has ${value} in column ${JSON.stringify(column?.name)} of type ${type}`,
  };
}
