import { to as copyTo } from 'pg-copy-streams';
import format from 'pg-format';
import type { Note } from '#shared/contracts/shared-schemas.ts';
import { statementFailure } from '#shared/errors/database-failure.ts';
import type { LayerField } from '#shared/gdal/layers.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import { readColumns } from '#shared/postgis/table-checks.ts';
import { ignoreError } from '#shared/streams/file-streams.ts';
import { convertColumns } from '../staging/convert-columns.ts';
import type { StagedNames } from '../staging/staged-names.ts';
import { declaredType, typeNote } from '../readers/table-reader.ts';
import { TEXT, TextFacts } from './text-facts.ts';

export interface TextColumns {
  fields: readonly LayerField[];
  /** The type that the file declares for each field, as GDAL names it; undefined where it declares none. */
  declared: readonly (string | undefined)[];
  names: StagedNames;
  file: string;
  signal: AbortSignal;
}

/**
 * Gives the columns of a staged table, which were copied as text, the types in which all of their values are written. A
 * declared text stays text. Notes a declared type that the values do not have.
 */
export async function typeTextColumns(
  session: PostgisSession,
  table: string,
  { fields, declared, names, file, signal }: TextColumns,
): Promise<Note[]> {
  const staged = (await readColumns(session, table)).filter(
    ({ name }) => name !== names.key && name !== names.geometry,
  );
  if (staged.length !== fields.length) return [];
  const columns = staged.flatMap(({ name, type }, index) =>
    type === TEXT && declared[index] !== 'String' ? [{ name, index, facts: new TextFacts(declared[index]) }] : [],
  );
  await addValues(session, table, columns, signal);
  const typed = columns.map(({ index, facts }) => ({ index, type: facts.type() }));
  const conversions = typed.filter(({ type }) => type !== TEXT);
  await convertColumns(
    session,
    table,
    names,
    conversions.map(({ index, type }) => ({ index, type, value: (column) => `${filled(column)}::${type}` })),
  );
  return typed.flatMap(({ index, type }) => {
    const wanted = declared[index];
    const reason = wanted === undefined ? undefined : reasonFor(declaredType(wanted), type);
    if (wanted === undefined || reason === undefined) return [];
    return [typeNote(file, fields[index]?.name ?? '', wanted, type, reason)];
  });
}

/** SQL: a text without the white space around it; null for an empty one. */
function filled(column: string): string {
  return String.raw`nullif(btrim(${column}, E' \t\n\r'), '')`;
}

/** Why a column has a type other than the declared one; undefined when it needs no note. */
function reasonFor(declared: string, type: string): string | undefined {
  if (type === declared || declared === TEXT) return undefined;
  if (type === TEXT) return 'it holds other texts';
  if (type.startsWith('numeric')) return 'it holds numbers with more digits';
  if (type === 'integer' || type === 'bigint') return 'it holds larger integers';
  if (type === 'double precision') return declared === 'real' ? undefined : 'it holds fractions';
  // A time without a time zone is read as UTC, as everywhere.
  if (declared === 'timestamp with time zone' && type === 'timestamp without time zone') return undefined;
  return 'its values are written as another type';
}

/** Texts are read up to this length. Longer ones have no other type. */
const MAX_CHARACTERS = 110;
const LINE_FEED = 0x0a;
const NULL = String.raw`\N`;
/** COPY writes tabs and line ends in a value with a backslash. */
const WHITE_SPACE = /\\[nrt]/g;

/** Adds all values of the columns of a table to their facts. PostgreSQL sends them as the text format of COPY. */
async function addValues(
  session: PostgisSession,
  table: string,
  columns: readonly { name: string; facts: TextFacts }[],
  signal: AbortSignal,
): Promise<void> {
  if (columns.length === 0) return;
  const values = columns.map(({ name }) => format('left(%I, %s)', name, MAX_CHARACTERS));
  const sql = format(`copy (select ${values.join(', ')} from %I) to stdout`, table);
  const stream = session.client.query(copyTo(sql)).on('error', ignoreError) as AsyncIterable<Buffer>;
  let rest: Buffer = Buffer.alloc(0);
  try {
    for await (const chunk of stream) {
      signal.throwIfAborted();
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const end = bytes.lastIndexOf(LINE_FEED);
      rest = bytes.subarray(end + 1);
      if (end > 0) addRows(bytes.toString('utf8', 0, end), columns);
    }
  } catch (thrown) {
    throw statementFailure(thrown) ?? thrown;
  }
}

function addRows(text: string, columns: readonly { facts: TextFacts }[]): void {
  for (const row of text.split('\n')) {
    const values = row.split('\t');
    for (const [index, { facts }] of columns.entries()) {
      const value = values[index] ?? NULL;
      if (value === NULL) continue;
      facts.add(value.includes('\\') ? value.replaceAll(WHITE_SPACE, ' ') : value);
    }
  }
}
