import format from 'pg-format';
import type { Note } from '#shared/contracts/shared-schemas.ts';
import type { LayerField } from '#shared/gdal/layers.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import { readColumns } from '#shared/postgis/table-checks.ts';
import type { StagedNames } from './staged-names.ts';

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

/** GDAL's type for a column of objects or arrays, and for a column whose values have different types. */
const JSON_FIELD = 'String(JSON)';
/** SQLSTATE invalid_text_representation: a value is not valid JSON. */
const NOT_JSON = '22P02';

/**
 * Converts the JSON columns of a staged table, which are loaded as text, to type json. A column with a value that is
 * not JSON stays text, with a note: GDAL removes the quotes of strings in a column of different types.
 */
export async function convertJsonColumns(
  session: PostgisSession,
  table: string,
  fields: readonly LayerField[],
  names: StagedNames,
  file: string,
): Promise<Note[]> {
  if (!fields.some(isJson)) return [];
  const staged = (await readColumns(session, table))
    .map(({ name }) => name)
    .filter((name) => name !== names.key && name !== names.geometry);
  // With a second geometry column, fields and columns cannot be matched. The columns stay text, which loses nothing.
  if (staged.length !== fields.length) return [];
  const columns = fields.flatMap((field, index) =>
    isJson(field) ? [{ field: field.name, staged: staged[index] ?? field.name }] : [],
  );
  // One statement for all columns rewrites the table only once.
  if (await tryConversion(session, table, columns)) return [];
  const notes: Note[] = [];
  for (const column of columns) {
    if (await tryConversion(session, table, [column])) continue;
    notes.push({
      code: 'COLUMN_MIXED',
      file,
      column: column.field,
      message: `Column ${JSON.stringify(column.field)} contains values of different types. It is stored as text.`,
    });
  }
  return notes;
}

function isJson({ type }: LayerField): boolean {
  return type === JSON_FIELD;
}

/** Returns false when a value is not valid JSON; the table is then unchanged. */
async function tryConversion(
  session: PostgisSession,
  table: string,
  columns: readonly { staged: string }[],
): Promise<boolean> {
  const changes = columns.map(({ staged }) => format('alter column %I type json using %I::json', staged, staged));
  try {
    await session.query(`${format('alter table %I', table)} ${changes.join(', ')}`);
    return true;
  } catch (thrown) {
    if ((thrown as { code?: string }).code !== NOT_JSON) throw thrown;
    return false;
  }
}
