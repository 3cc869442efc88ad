import { SluiceError } from '#shared/errors/sluice-error.ts';
import { namesForColumns } from '#shared/postgis/column-names.ts';
import type { Note, SourceFile } from '#shared/contracts/facts.ts';
import type { StagedDelimited } from './staged-table.ts';
import { stagedTableSql, stagedValuesSql } from './staged-table.ts';
import type { SourceColumn, TableSource, TabularParameters } from './table-source.ts';
import { type Decimal, looksLike, type TabularType, VALUE_TYPES } from './value-types.ts';

/** A delimited file as a table: names, declared types, and the types that its first rows allow. `fixed` are the types that a workbook gives. */
export function delimitedTable(
  staged: StagedDelimited,
  source: SourceFile,
  parameters: TabularParameters,
  fixed?: readonly TabularType[],
): TableSource {
  const { header, sample } = staged.dialect;
  const decimal = parameters.decimal_separator ?? '.';
  const { names, notes } = nameColumns(header, staged.columns, source.path);
  const declared = declaredTypes(parameters.columns ?? {}, names, header ?? [], source.path);
  const columns = names.map((name, position): SourceColumn => ({
    name,
    position,
    declared: declared.get(position) ?? fixed?.[position],
    escaped: staged.escaped[position] === true,
    candidates: candidateTypes(
      sample.map((row) => row[position] ?? null),
      parameters.null_values ?? [],
      decimal,
    ),
  }));
  return {
    source,
    columns,
    from: stagedTableSql(staged),
    values: stagedValuesSql(staged),
    rows: staged.rows,
    decimal,
    nullValues: parameters.null_values ?? [],
    rejected: staged.rejected,
    notes: [...(header === undefined ? [headerAbsent(source.path, parameters)] : []), ...notes].flat(),
  };
}

/** Names of columns: those of the header; a column without one is `column_N`. */
export function nameColumns(
  header: readonly string[] | undefined,
  count: number,
  file: string,
): { names: string[]; notes: Note[] } {
  const wanted = Array.from({ length: count }, (_, index) => header?.[index] || `column_${index + 1}`);
  const { names, notes } = namesForColumns(wanted, [], file);
  const unnamed = (header ?? []).flatMap((name, index) =>
    name === ''
      ? [
          {
            code: 'COLUMN_RENAMED',
            column: names[index] ?? '',
            file,
            message: `Column ${index + 1} has no name in the file; it is called ${JSON.stringify(names[index])}.`,
          },
        ]
      : [],
  );
  return { names, notes: [...unnamed, ...notes] };
}

/** Declared types by position. Throws COLUMN_MISSING for a name that the file does not have. */
export function declaredTypes(
  declared: NonNullable<TabularParameters['columns']>,
  names: readonly string[],
  header: readonly string[],
  file: string,
): Map<number, TabularType> {
  return new Map(
    Object.entries(declared).map(([name, type]) => {
      const position = names.includes(name) ? names.indexOf(name) : header.indexOf(name);
      if (position >= 0) return [position, type] as const;
      throw new SluiceError(
        'COLUMN_MISSING',
        `${file} has no column ${JSON.stringify(name)}, which metadata.tabular.columns declares; it has ${told(names)}.`,
        { details: { file, column: name, columns: names.slice(0, MAX_COLUMNS_IN_DETAILS) } },
      );
    }),
  );
}

const MAX_COLUMNS_IN_DETAILS = 100;
const MAX_COLUMNS_TOLD = 20;

function told(names: readonly string[]): string {
  return `${names
    .slice(0, MAX_COLUMNS_TOLD)
    .map((name) => JSON.stringify(name))
    .join(', ')}${names.length > MAX_COLUMNS_TOLD ? ', …' : ''}`;
}

/** The types that some values of a column allow; all of them when there is none. */
export function candidateTypes(
  values: readonly (string | null)[],
  nullValues: readonly string[],
  decimal: Decimal,
): TabularType[] {
  const given = values.filter((value) => value !== null && value !== '' && !nullValues.includes(value)) as string[];
  return VALUE_TYPES.map(({ type }) => type).filter((type) => given.every((value) => looksLike(type, value, decimal)));
}

function headerAbsent(file: string, { header }: TabularParameters): Note[] {
  if (header === false) return [];
  return [
    {
      code: 'HEADER_ABSENT',
      file,
      message:
        'The first line looks like data, so the columns are called column_1, column_2, …; set metadata.tabular.header to true if it holds their names.',
    },
  ];
}
