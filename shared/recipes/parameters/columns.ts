import { z } from 'zod';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { MAX_IDENTIFIER_BYTES } from '#shared/contracts/column-names.ts';
import { RESERVED_COLUMNS } from '#shared/postgis/run-schema.ts';
import type { TableColumn } from '#shared/postgis/table-checks.ts';
import { visibleText } from '#shared/text/visible-text.ts';
import type { StepContext } from '../recipe-step.ts';

/** Columns that a message lists; a table can have 1,600. */
const MAX_LISTED = 50;

/** Longest text of a parameter that names an existing column. */
const MAX_NAME_LENGTH = 128;

/** A text without NUL, which PostgreSQL cannot store. `error` is the message for a value that is not a text. */
export function postgresText(error?: string): z.ZodString {
  return z.string(error).regex(/^[^\u0000]*$/, 'must not contain a NUL character');
}

/** Name of an existing column. */
export const ColumnName = postgresText().min(1).max(MAX_NAME_LENGTH);

/** Name of a new column. */
export const NewColumnName = visibleText(MAX_IDENTIFIER_BYTES, { identifier: true }).refine(
  (name) => Buffer.byteLength(name) <= MAX_IDENTIFIER_BYTES,
  `must be at most ${MAX_IDENTIFIER_BYTES} bytes long in UTF-8`,
);

/** RECIPE_INVALID for a parameter. `path` is its place in the manifest; `problem` is the sentence after it. */
export function invalidParameter(path: string, problem: string, details: Record<string, unknown> = {}): SluiceError {
  return new SluiceError('RECIPE_INVALID', `${path}: ${problem}`, { details: { parameter: path, ...details } });
}

/** All columns except the geometry and the key. */
export function attributeColumns(
  context: Pick<StepContext, 'columns' | 'geometryColumn' | 'keyColumn'>,
): TableColumn[] {
  return context.columns.filter(({ name }) => name !== context.geometryColumn && name !== context.keyColumn);
}

/** The attribute column with this name. Throws RECIPE_INVALID, which lists the existing columns. */
export function attributeColumn(name: string, context: StepContext, path: string): TableColumn {
  const columns = attributeColumns(context);
  const found = columns.find((column) => column.name === name);
  if (found !== undefined) return found;
  const names = columns.slice(0, MAX_LISTED).map((column) => column.name);
  const listed =
    names.length === 0
      ? 'It has no columns except the geometry'
      : `Its columns are ${quotedList(names)}${columns.length > names.length ? ', …' : ''}`;
  throw invalidParameter(path, `the table has no column ${JSON.stringify(name)} at this step. ${listed}.`, {
    column: name,
    columns: names,
  });
}

/** The attribute columns with these names, in the order of the table. */
export function attributeColumnsNamed(names: readonly string[], context: StepContext, path: string): TableColumn[] {
  const named = new Set(names.map((name, index) => attributeColumn(name, context, `${path}[${index}]`).name));
  return context.columns.filter((column) => named.has(column.name));
}

/** Throws RECIPE_INVALID when a new column name is reserved, or equal to one of `taken` without regard to case. */
export function checkFreeName(
  name: string,
  taken: readonly string[],
  context: Pick<StepContext, 'geometryColumn'>,
  path: string,
): void {
  const caseless = name.toLowerCase();
  if ([...RESERVED_COLUMNS, context.geometryColumn].includes(caseless))
    throw invalidParameter(path, `${JSON.stringify(name)} is a reserved name. Choose another name.`, { column: name });
  const other = taken.find((each) => each.toLowerCase() === caseless);
  if (other !== undefined)
    throw invalidParameter(path, `the column ${JSON.stringify(other)} already exists. Choose another name.`, {
      column: name,
    });
}

/** Names in quotes, for a message. */
export function quotedList(names: readonly string[]): string {
  return names.map((name) => JSON.stringify(name)).join(', ');
}
