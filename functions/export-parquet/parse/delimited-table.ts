import type { Note, SourceFile, ValueType } from '#shared/contracts/facts.ts';
import type { TextColumn } from '#shared/delimited/infer/text-table.ts';
import { candidateTypes } from '#shared/delimited/infer/value-types.ts';
import { type StagedDelimited, stagedTableSql, stagedValuesSql } from '#shared/delimited/stage-rows.ts';
import { nameColumns } from '#shared/delimited/dialect.ts';
import { type SourceTable, type TabularParameters, declaredTypes } from './source-table.ts';

/**
 * A staged delimited file as a table. `fixed` are the types of the columns of a workbook; a declared type overrides
 * them.
 */
export function delimitedTable(
  staged: StagedDelimited,
  source: SourceFile,
  parameters: TabularParameters,
  fixed?: readonly ValueType[],
): SourceTable {
  const { header, sample } = staged.dialect;
  const decimal = parameters.decimal_separator ?? '.';
  const nullValues = parameters.null_values ?? [];
  const { names, notes } = nameColumns(header, staged.columns, source.path);
  const declared = declaredTypes(parameters.columns ?? {}, names, header ?? [], source.path);
  const columns = names.map((name, position): TextColumn => {
    const values = sample.map((row) => row[position] ?? null);
    return {
      name,
      position,
      declared: declared.get(position) ?? fixed?.[position],
      escaped: staged.escaped[position] === true,
      candidates: candidateTypes(values, nullValues, decimal),
    };
  });
  return {
    source,
    columns,
    rowsSql: stagedTableSql(staged),
    valuesSql: stagedValuesSql(staged),
    rowCount: staged.rows,
    decimal,
    nullValues,
    rejected: staged.rejected,
    notes: header === undefined && parameters.header !== false ? [headerAbsent(source.path), ...notes] : notes,
  };
}

function headerAbsent(file: string): Note {
  return {
    code: 'HEADER_ABSENT',
    file,
    message:
      'The first line looks like data, so the columns were named column_1, column_2, …. ' +
      'If it holds the names of the columns, set metadata.tabular.header to true.',
  };
}
