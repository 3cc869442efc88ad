import { z } from 'zod';
import { MAX_IDENTIFIER_BYTES } from '#shared/postgis/column-names.ts';
import type { TableColumn } from '#shared/postgis/table-columns.ts';
import { RESERVED_COLUMNS } from '#shared/postgis/run-schema.ts';
import { invalidParameter } from './invalid-parameter.ts';
import type { TableFacts } from './step.ts';

/** Columns that a message lists; a table may have 1,600. */
const MAX_LISTED = 50;

/** Name of a column that is there, as a manifest gives it. */
export const ColumnName = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[^\u0000]*$/, 'must not hold a NUL character');
/** Name of a column to make. Without control characters: it is shown in logs and terminals. */
export const NewColumnName = z
  .string()
  .min(1)
  .max(MAX_IDENTIFIER_BYTES)
  .regex(/^[^\u0000-\u001f\u007f]*$/, 'must not hold control characters')
  .refine(
    (name) => Buffer.byteLength(name) <= MAX_IDENTIFIER_BYTES,
    `must be at most ${MAX_IDENTIFIER_BYTES} bytes long in UTF-8`,
  );

/** The columns that a user knows: all but the geometry and the number of the feature. */
export function attributeColumns(facts: Pick<TableFacts, 'columns' | 'geometryColumn' | 'keyColumn'>): TableColumn[] {
  return facts.columns.filter(({ name }) => name !== facts.geometryColumn && name !== facts.keyColumn);
}

/** The attribute column of this name. Throws RECIPE_INVALID, which lists the columns that are there. */
export function attributeColumn(name: string, facts: TableFacts, path: string): TableColumn {
  const columns = attributeColumns(facts);
  const found = columns.find((column) => column.name === name);
  if (found !== undefined) return found;
  const names = columns.slice(0, MAX_LISTED).map((column) => column.name);
  const listed =
    names.length === 0
      ? 'It has no columns but the geometry'
      : `Its columns are ${quoted(names)}${columns.length > names.length ? ', …' : ''}`;
  throw invalidParameter(path, `the table has no column ${JSON.stringify(name)} at this step. ${listed}.`, {
    column: name,
    columns: names,
  });
}

/** The attribute columns of these names, in the order of the table. */
export function attributeColumnsNamed(names: readonly string[], facts: TableFacts, path: string): TableColumn[] {
  const named = new Set(names.map((name, index) => attributeColumn(name, facts, `${path}[${index}]`).name));
  return facts.columns.filter((column) => named.has(column.name));
}

/** Throws RECIPE_INVALID when a column may not get this name: it is reserved, or taken apart from case. */
export function checkFreeName(
  name: string,
  taken: readonly string[],
  facts: Pick<TableFacts, 'geometryColumn'>,
  path: string,
): void {
  const caseless = name.toLowerCase();
  if ([...RESERVED_COLUMNS, facts.geometryColumn].includes(caseless))
    throw invalidParameter(path, `${JSON.stringify(name)} is a reserved name. Choose another one.`, { column: name });
  const other = taken.find((each) => each.toLowerCase() === caseless);
  if (other !== undefined)
    throw invalidParameter(path, `there is a column ${JSON.stringify(other)} already. Choose another name.`, {
      column: name,
    });
}

/** Names in quotes, for a message. */
export function quoted(names: readonly string[]): string {
  return names.map((name) => JSON.stringify(name)).join(', ');
}
