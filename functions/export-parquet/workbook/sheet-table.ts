import type { ValueType } from '#shared/contracts/column-types.ts';
import type { Note, SourceFile } from '#shared/contracts/shared-schemas.ts';
import type { TextColumn } from '#shared/tables/infer/text-table.ts';
import { RejectedRows } from '#shared/tables/row-writer.ts';
import { type DeclaredKind, typesOfKinds } from '#shared/tables/rules/cells.ts';
import { nameColumns } from '#shared/tables/rules/find-header.ts';
import { capitalized } from '#shared/tables/rules/table-notes.ts';
import { declaredTypes, type SourceTable } from '#shared/tables/source-table.ts';
import { stagedTableSql, stagedValuesSql } from '#shared/tables/stage-rows.ts';
import type { TabularParameters } from '#shared/manifest/manifest.ts';
import { CELL_KINDS, type SheetCellKind } from './cell-values.ts';
import type { SheetTable } from './sheet-worker.ts';
import type { SheetColumnFacts } from './sheet-writer.ts';

/** A staged sheet as a table. The types of its columns are those of the cells; cells of several types are text. */
export function sheetTable(
  sheet: SheetTable,
  path: string,
  source: SourceFile,
  parameters: TabularParameters,
): SourceTable {
  const { header, columns: facts, rows, longestRow } = sheet;
  const { names, notes } = nameColumns(header, facts.length, source.path);
  const declared = declaredTypes(parameters.columns ?? {}, names, header ?? [], source.path);
  const kinds = facts.map((column) => kindsOf(column, sheet.firstRow));
  const columns = names.map((name, position): TextColumn => {
    const { candidates, fixed } = typesOfCells(Object.keys(kinds[position] ?? {}) as SheetCellKind[]);
    const escaped = facts[position]?.escaped === true;
    return { name, position, declared: declared.get(position), fixed, candidates, escaped };
  });
  const rejected = new RejectedRows();
  const escaped = facts.map((column) => column.escaped);
  const staged = { path, columns: facts.length, rows, longestRow, escaped, rejected };
  const columnNotes = names.flatMap((column, position) => [
    ...(declared.has(position) ? [] : mixedCells(kinds[position] ?? {}, source.path, column)),
    ...lostCells(facts[position], source.path, column),
  ]);
  return {
    source: { ...source, layer: sheet.name },
    columns,
    rowsSql: stagedTableSql(staged),
    valuesSql: stagedValuesSql(staged),
    rowCount: rows,
    notation: { decimal: '.' },
    nullValues: parameters.null_values ?? [],
    rejected,
    notes: [...sheetNotes(sheet, source, parameters), ...notes, ...columnNotes],
  };
}

/** The kinds of the cells of a column in the rows of data, each with the last row. */
type Kinds = Partial<Record<SheetCellKind, number>>;

function kindsOf({ lastRow }: SheetColumnFacts, firstRow: number): Kinds {
  return Object.fromEntries(Object.entries(lastRow).filter(([, row]) => row >= firstRow));
}

const KIND_OF: Record<SheetCellKind, DeclaredKind> = {
  number: 'number',
  boolean: 'boolean',
  date: 'time',
  timestamp: 'time',
  time: 'text',
  text: 'text',
};

function typesOfCells(kinds: readonly SheetCellKind[]): { candidates: readonly ValueType[]; fixed?: ValueType } {
  if (kinds.length > 0 && kinds.every((kind) => kind === 'date' || kind === 'timestamp')) {
    // LibreOffice writes midnight as a date without a time.
    const fixed = kinds.includes('timestamp') ? 'timestamp' : 'date';
    return { candidates: [fixed], fixed };
  }
  return typesOfKinds(kinds.map((kind) => KIND_OF[kind]));
}

const NAMES: Record<SheetCellKind, string> = {
  number: 'numbers',
  boolean: 'booleans',
  date: 'dates',
  timestamp: 'dates with a time',
  time: 'times',
  text: 'texts',
};

function mixedCells(kinds: Kinds, file: string, column: string): Note[] {
  const present = CELL_KINDS.filter((kind) => kinds[kind] !== undefined);
  if (present.length < 2 || typesOfCells(present).fixed !== undefined) return [];
  const listed = present.map((kind) => `${NAMES[kind]} (such as in row ${kinds[kind]})`).join(' and ');
  return [
    {
      code: 'MIXED_CELLS',
      file,
      column,
      message:
        `Column ${JSON.stringify(column)} has ${listed}, so all of its values are text. ` +
        'To read one type and reject rows with others, declare the type with metadata.tabular.columns.',
    },
  ];
}

function lostCells(facts: SheetColumnFacts | undefined, file: string, column: string): Note[] {
  const notes: Note[] = [];
  const name = JSON.stringify(column);
  if (facts?.error !== undefined) {
    const { count, cell, shown } = facts.error;
    const cells = count === 1 ? `cell ${cell} of column ${name} shows` : `${count} cells of column ${name} show`;
    const first = count === 1 ? `${shown}; it is null.` : `an error, the first ${shown} in ${cell}; they are null.`;
    notes.push({ code: 'CELL_ERRORS', file, column, message: `${capitalized(cells)} ${first}` });
  }
  if (facts?.formula !== undefined) {
    const { count, cell } = facts.formula;
    const cells =
      count === 1
        ? `The formula in cell ${cell} of column ${name} has no stored value; it is null.`
        : `${count} formulas of column ${name}, the first in ${cell}, have no stored value; they are null.`;
    const message = `${cells} Open the workbook in Excel or LibreOffice and save it, which stores the values.`;
    notes.push({ code: 'FORMULAS_WITHOUT_VALUE', file, column, message });
  }
  return notes;
}

/** Names of sheets in a message. */
const MAX_SHEETS_IN_MESSAGE = 10;

function sheetNotes(
  { name, otherSheets, hidden, mergedRanges, notes }: SheetTable,
  { path: file, layer }: SourceFile,
  { sheet }: TabularParameters,
): Note[] {
  const found = [...notes];
  if (otherSheets.length > 0 && layer === null && sheet === undefined) {
    const listed = otherSheets.slice(0, MAX_SHEETS_IN_MESSAGE).map((other) => JSON.stringify(other));
    const more = otherSheets.length > MAX_SHEETS_IN_MESSAGE ? ', …' : '';
    const others = `${otherSheets.length === 1 ? 'sheet' : 'sheets'} ${listed.join(', ')}${more}`;
    const message =
      `Only sheet ${JSON.stringify(name)} was read, not ${others}. ` +
      'To read another sheet, set metadata.tabular.sheet.';
    found.push({ code: 'SHEETS_NOT_READ', file, message });
  }
  const parts = [
    ...(hidden.rows > 0 ? [hidden.rows === 1 ? '1 row' : `${hidden.rows} rows`] : []),
    ...(hidden.columns > 0 ? [hidden.columns === 1 ? '1 column' : `${hidden.columns} columns`] : []),
  ];
  if (parts.length > 0) {
    const were = hidden.rows + hidden.columns === 1 ? 'that is hidden was' : 'that are hidden were';
    found.push({ code: 'HIDDEN_CELLS_READ', file, message: `${parts.join(' and ')} ${were} read, too.` });
  }
  if (mergedRanges > 0) {
    const ranges = mergedRanges === 1 ? '1 merged range' : `${mergedRanges} merged ranges`;
    const message = `The sheet has ${ranges}. Only the first cell of a range has a value; the others are null.`;
    found.push({ code: 'MERGED_CELLS', file, message });
  }
  return found;
}
