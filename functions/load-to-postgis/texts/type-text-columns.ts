import type { Note } from '#shared/contracts/facts.ts';
import type { LayerField } from '#shared/gdal/layers.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import { readColumns } from '#shared/postgis/table-checks.ts';
import { convertColumns } from '../load/convert-columns.ts';
import type { StagedNames } from '../load/plan-load.ts';
import { declaredType, typeNote } from '../rows/row-column.ts';
import { addValues } from './read-columns.ts';
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

/** Why a column has another type than the declared one; undefined when it needs no note. */
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
