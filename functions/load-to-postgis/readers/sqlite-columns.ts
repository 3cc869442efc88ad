import type { DatabaseSync } from 'node:sqlite';
import type { Note } from '#shared/contracts/shared-schemas.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { LayerField } from '#shared/gdal/layers.ts';
import { declaredType, mixedNote, type RowColumn, type RowType, timeTypeOf, typeNote } from './table-reader.ts';

/**
 * Determines the types of the columns of a table in SQLite. SQLite stores any value in any column: what counts is the
 * storage class of the values, and not the declaration of the column (SQLite's page "Datatypes In SQLite").
 */

/** Columns of one query. Each of them has several expressions, and SQLite allows 2,000. */
const COLUMNS_PER_QUERY = 150;
/** Integers up to this size are doubles. */
const MAX_EXACT = 2n ** 53n;

/** The values of a column by their storage class. */
export interface StorageFacts {
  integers: number;
  reals: number;
  texts: number;
  blobs: number;
  /** Number of empty texts. */
  empty: number;
  /** The smallest and the largest integer of the column. */
  low: bigint;
  high: bigint;
  /** Numbers that are not 32-bit floats; counted only for a column that is declared so. */
  doubles: number;
  /** Texts by their TimeType, else ''; only for a column that is declared as date or time. */
  times: Map<string, number>;
}

/** A column of a table, and its name in the asset. */
export interface SqliteField extends LayerField {
  column: string;
}

/** Reads the table once for each group of columns. */
export function storageFacts(database: DatabaseSync, table: string, columns: readonly SqliteField[]): StorageFacts[] {
  const times = columns.map(() => new Map<string, number>());
  database.function('sluice_time', { deterministic: false }, (column, text) => {
    const counts = times[Number(column)];
    const type = timeTypeOf(String(text)) ?? '';
    counts?.set(type, (counts.get(type) ?? 0) + 1);
    return 0;
  });
  database.function('sluice_double', (value) => Number(!Object.is(Math.fround(Number(value)), Number(value))));
  const facts: StorageFacts[] = [];
  for (let start = 0; start < columns.length; start += COLUMNS_PER_QUERY) {
    const some = columns.slice(start, start + COLUMNS_PER_QUERY);
    const select = some.flatMap((column, index) => expressions(column, start + index));
    const statement = database.prepare(`select ${select.join(', ')} from ${quotedSqlite(table)}`);
    statement.setReadBigInts(true);
    const row = (statement.get() ?? {}) as Record<string, bigint | null>;
    for (let index = start; index < start + some.length; index++) {
      const value = (name: string) => row[`${name}${index}`] ?? 0n;
      facts.push({
        integers: Number(value('i')),
        reals: Number(value('r')),
        texts: Number(value('t')),
        blobs: Number(value('b')),
        empty: Number(value('e')),
        low: value('lo'),
        high: value('hi'),
        doubles: Number(value('d')),
        times: times[index] ?? new Map<string, number>(),
      });
    }
  }
  return facts;
}

function expressions({ column, type }: SqliteField, index: number): string[] {
  const value = quotedSqlite(column);
  const count = (condition: string, alias: string) => `sum(${condition}) as ${alias}${index}`;
  const isA = (storage: string) => `typeof(${value}) = '${storage}'`;
  const integer = `case when ${isA('integer')} then ${value} end`;
  const isTime = ['Date', 'Time', 'DateTime'].includes(type);
  return [
    count(isA('integer'), 'i'),
    count(isA('real'), 'r'),
    count(isA('text'), 't'),
    count(isA('blob'), 'b'),
    count(`${isA('text')} and ${value} = ''`, 'e'),
    `min(${integer}) as lo${index}`,
    `max(${integer}) as hi${index}`,
    ...(type === 'Real(Float32)' ? [count(`case when ${isA('real')} then sluice_double(${value}) end`, 'd')] : []),
    ...(isTime ? [count(`case when ${isA('text')} then sluice_time(${index}, ${value}) end`, 'x')] : []),
  ];
}

/**
 * The column that holds every value: of the declared type if it does, else of another one with a note. Throws
 * FILE_UNREADABLE for a column with blobs and other values, which have no common type.
 */
export function decideColumn(
  { name, type: declared }: LayerField,
  facts: StorageFacts,
  file: string,
): { column: RowColumn; notes: Note[] } {
  const isText = declaredType(declared) === 'character varying';
  // A number that is missing is often stored as an empty text.
  const texts = isText ? facts.texts : facts.texts - facts.empty;
  const numbers = facts.integers + facts.reals;
  if (facts.blobs > 0 && numbers + texts > 0)
    throw new SluiceError(
      'FILE_UNREADABLE',
      `Column ${JSON.stringify(name)} of ${file} contains blobs and other values. Store values of one type in it.`,
      { details: { file, column: name } },
    );
  const result = (type: RowType, reason?: string) => ({
    column: { name, type, declared },
    notes: reason === undefined ? [] : [typeNote(file, name, declared, type, reason)],
  });
  if (texts > 0 && numbers > 0)
    return { column: { name, type: 'character varying', declared }, notes: [mixedNote(file, name)] };
  if (facts.blobs > 0) return declared === 'Binary' ? result('bytea') : result('bytea', 'holds blobs');
  if (texts > 0) return textColumn(declared, facts, result);
  if (numbers > 0) return numberColumn(declared, facts, result);
  return result(declaredType(declared));
}

type Result = (type: RowType, reason?: string) => { column: RowColumn; notes: Note[] };

function textColumn(declared: string, facts: StorageFacts, result: Result) {
  const type = declaredType(declared);
  if (type === 'character varying') return result(type);
  const found = [...facts.times.keys()].filter((key) => key !== '') as RowType[];
  const [only] = found;
  if (only !== undefined && found.length === 1 && (facts.times.get('') ?? 0) <= facts.empty) {
    if (only === type || (declared === 'DateTime' && only === 'timestamp without time zone')) return result(only);
    return result(only, 'its values are written as another type');
  }
  const reason = declared === 'Binary' || found.length === 0 ? 'it holds texts' : 'it holds other texts';
  return result('character varying', reason);
}

function numberColumn(declared: string, facts: StorageFacts, result: Result) {
  const type = declaredType(declared);
  const isExact = facts.low >= -MAX_EXACT && facts.high <= MAX_EXACT;
  if (facts.reals > 0) {
    if (!isExact) return result('character varying', 'it holds integers and fractions that no type holds together');
    if (type === 'real' && facts.doubles === 0 && fits(facts, 2n ** 24n)) return result('real');
    return result('double precision', type === 'double precision' ? undefined : reasonForReals(type));
  }
  if (type === 'real' && fits(facts, 2n ** 24n)) return result('real');
  if ((type === 'double precision' || type === 'real') && isExact) return result('double precision');
  if (type === 'boolean' && facts.low >= 0n && facts.high <= 1n) return result('boolean');
  if (type === 'smallint' && fits(facts, 2n ** 15n - 1n)) return result('smallint');
  if ((type === 'smallint' || type === 'integer') && fits(facts, 2n ** 31n - 1n))
    return result('integer', type === 'integer' ? undefined : outOfRange(facts));
  return result('bigint', type === 'bigint' ? undefined : outOfRange(facts));
}

function reasonForReals(type: RowType): string {
  return type === 'real' ? 'it holds numbers of 64 bits' : 'it holds fractions';
}

function outOfRange({ low, high }: StorageFacts): string {
  return `it holds integers from ${low} to ${high}`;
}

function fits({ low, high }: StorageFacts, limit: bigint): boolean {
  return low >= -limit && high <= limit;
}

/** An identifier, quoted for SQL of SQLite. */
export function quotedSqlite(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
