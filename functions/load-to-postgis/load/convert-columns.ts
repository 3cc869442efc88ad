import format from 'pg-format';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import { readColumns } from '#shared/postgis/table-checks.ts';
import type { StagedNames } from './plan-load.ts';

/** A column of a staged table that gets another type. */
export interface Conversion {
  /** The position among the attributes. */
  index: number;
  type: string;
  /** SQL of the new value; `column` is the quoted name. */
  value: (column: string) => string;
}

/** The texts of a JSON array. A subquery is not allowed in the conversion of a column. */
const TEXTS_FUNCTION = `
  create or replace function pg_temp.sluice_texts(value json) returns varchar[] language sql immutable strict as $$
    select coalesce(array_agg(element), '{}') from json_array_elements_text(value) as elements(element)
  $$`;

/** Converts columns that were copied as text. One statement rewrites the table once. */
export async function convertColumns(
  session: PostgisSession,
  table: string,
  names: StagedNames,
  conversions: readonly Conversion[],
): Promise<void> {
  if (conversions.length === 0) return;
  await session.query(TEXTS_FUNCTION);
  const staged = (await readColumns(session, table)).map(({ name }) => name);
  const attributes = staged.filter((name) => name !== names.key && name !== names.geometry);
  const changes = conversions.map(({ index, type, value }) => {
    const column = format('%I', attributes[index] ?? '');
    return `alter column ${column} type ${type} using ${value(column)}`;
  });
  await session.query(`${format('alter table %I', table)} ${changes.join(', ')}`);
}
