import format from 'pg-format';
import type { Note } from '#shared/contracts/facts.ts';
import type { LayerField } from '#shared/gdal/layers.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import { readColumns } from '#shared/postgis/table-checks.ts';
import { inferColumnTypes, type InferenceContext } from './infer-columns.ts';
import { convertColumns } from '../load/convert-columns.ts';
import type { StagedNames } from '../load/plan-load.ts';
import { declaredType, typeNote } from '../rows/row-column.ts';

export interface TextColumns {
  fields: readonly LayerField[];
  /** The fields with the types that a schema declares; undefined for a file without a schema. */
  declared: readonly LayerField[] | undefined;
  names: StagedNames;
  file: string;
  context: InferenceContext;
}

/** Integers up to this size are doubles. */
const MAX_EXACT = String(2 ** 53);
const TEXT = 'character varying';

/**
 * Gives the columns of a staged table, which were copied as text, the types in which all of their values are written,
 * by the inference of tables. A declared text stays text. Notes a declared type that the values do not have.
 */
export async function typeTextColumns(
  session: PostgisSession,
  table: string,
  { fields, declared, names, file, context }: TextColumns,
): Promise<Note[]> {
  const staged = (await readColumns(session, table)).filter(
    ({ name }) => name !== names.key && name !== names.geometry,
  );
  if (staged.length !== fields.length) return [];
  const columns = staged.flatMap(({ name, type }, index) =>
    type === TEXT && declared?.[index]?.type !== 'String' ? [{ name, index }] : [],
  );
  const inferred = await inferColumnTypes(
    session,
    table,
    columns.map(({ name }) => name),
    context,
  );
  const notes: Note[] = [];
  const conversions = [];
  for (const [position, { name, index }] of columns.entries()) {
    const wanted = declared?.[index]?.type;
    let type = inferred[position] ?? TEXT;
    if (type === 'bigint' && wanted?.startsWith('Real') && (await areDoubles(session, table, name)))
      type = 'double precision';
    if (type === TEXT && wanted !== undefined && (await hasValues(session, table, name)))
      notes.push(typeNote(file, fields[index]?.name ?? name, wanted, TEXT, 'it holds other texts'));
    else if (type === TEXT && wanted !== undefined) type = declaredType(wanted);
    if (type !== TEXT) conversions.push({ index, type, value: (column: string) => `nullif(${column}, '')::${type}` });
  }
  await convertColumns(session, table, names, conversions);
  return notes;
}

async function areDoubles(session: PostgisSession, table: string, column: string): Promise<boolean> {
  const sql = `select bool_and(abs(nullif(%I, '')::numeric) <= ${MAX_EXACT}) as exact from %I`;
  const [row] = await session.query<{ exact: boolean | null }>(format(sql, column, table));
  return row?.exact !== false;
}

async function hasValues(session: PostgisSession, table: string, column: string): Promise<boolean> {
  const sql = format(`select exists (select from %I where %I <> '') as found`, table, column);
  return (await session.query<{ found: boolean }>(sql))[0]?.found === true;
}
