import format from 'pg-format';
import type { LayerField } from '#shared/gdal/layers.ts';
import { readColumns } from '#shared/postgis/table-columns.ts';
import type { Note } from '#shared/contracts/facts.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import { STAGED_GEOMETRY, STAGED_KEY } from './plan-load.ts';

/**
 * GDAL calls a column JSON when it holds objects or lists, and when its values are of several kinds: there a text comes without its quotes,
 * which is no JSON. So these columns are staged as text, and become JSON when every value is.
 */
const JSON_FIELD = 'String(JSON)';
/** invalid_text_representation: a value is no JSON. */
const NOT_JSON = '22P02';

/** Gives JSON columns of a staged table their type. A mixture stays text, with a note. */
export async function typeJsonColumns(
  session: PostgisSession,
  table: string,
  fields: readonly LayerField[],
  file: string,
): Promise<Note[]> {
  if (!fields.some(isJson)) return [];
  const staged = (await readColumns(session, table))
    .map(({ name }) => name)
    .filter((name) => name !== STAGED_KEY && name !== STAGED_GEOMETRY);
  if (staged.length !== fields.length) return []; // A second geometry column: which is which is not certain, and text loses nothing.
  const json = fields.flatMap((field, index) =>
    isJson(field) ? [{ field: field.name, column: staged[index] ?? field.name }] : [],
  );
  // All in one statement write the table once.
  if (
    await becomeJson(
      session,
      table,
      json.map(({ column }) => column),
    )
  )
    return [];
  const notes: Note[] = [];
  for (const { field, column } of json) {
    if (await becomeJson(session, table, [column])) continue;
    notes.push({
      code: 'COLUMN_MIXED',
      file,
      column: field,
      message: `Column ${JSON.stringify(field)} holds values of several kinds; it is text.`,
    });
  }
  return notes;
}

function isJson({ type }: LayerField): boolean {
  return type === JSON_FIELD;
}

async function becomeJson(session: PostgisSession, table: string, columns: readonly string[]): Promise<boolean> {
  const changes = columns.map((column) => format('alter column %I type json using %I::json', column, column));
  try {
    await session.query(`${format('alter table %I', table)} ${changes.join(', ')}`);
    return true;
  } catch (thrown) {
    if ((thrown as { code?: string }).code !== NOT_JSON) throw thrown;
    return false;
  }
}
