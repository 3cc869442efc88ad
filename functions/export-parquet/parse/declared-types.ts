import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { ValueType } from '#shared/contracts/facts.ts';
import type { TabularParameters } from './source-table.ts';

const MAX_COLUMNS_IN_DETAILS = 100;
const MAX_COLUMNS_IN_MESSAGE = 20;

/**
 * The types that the manifest declares, by the position of their column. A column is found by its name in the asset,
 * then by its name in the file. Throws COLUMN_MISSING.
 */
export function declaredTypes(
  declared: NonNullable<TabularParameters['columns']>,
  names: readonly string[],
  namesInFile: readonly string[],
  file: string,
): Map<number, ValueType> {
  const types = Object.entries(declared).map(([name, type]) => {
    const position = names.includes(name) ? names.indexOf(name) : namesInFile.indexOf(name);
    if (position < 0) throw columnMissing(name, names, file);
    return [position, type] as const;
  });
  return new Map(types);
}

function columnMissing(column: string, names: readonly string[], file: string): SluiceError {
  const listed = names.slice(0, MAX_COLUMNS_IN_MESSAGE).map((name) => JSON.stringify(name));
  const columns = `${listed.join(', ')}${names.length > MAX_COLUMNS_IN_MESSAGE ? ', …' : ''}`;
  return new SluiceError(
    'COLUMN_MISSING',
    `${file} has no column ${JSON.stringify(column)}, which metadata.tabular.columns declares. ` +
      `Its columns are ${columns}.`,
    { details: { file, column, columns: names.slice(0, MAX_COLUMNS_IN_DETAILS) } },
  );
}
