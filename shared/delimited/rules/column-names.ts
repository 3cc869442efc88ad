import type { Note } from '#shared/contracts/facts.ts';
import { namesForColumns } from '#shared/postgis/column-names.ts';

/**
 * Names for the columns of a file: those of the header without blanks around them, or `column_N` where it has none.
 * `reserved` are names that no column may have. Each change of a name is a note.
 */
export function nameColumns(
  header: readonly string[] | undefined,
  count: number,
  file: string,
  reserved: readonly string[] = [],
): { names: string[]; notes: Note[] } {
  const inFile = header?.map((name) => name.trim());
  const wanted = Array.from({ length: count }, (_, index) => inFile?.[index] || `column_${index + 1}`);
  const { names, notes } = namesForColumns(wanted, reserved, file);
  const unnamed = (inFile ?? []).flatMap((name, index) =>
    name === '' && index < count ? [unnamedColumn(index, names[index] ?? '', file)] : [],
  );
  return { names, notes: [...unnamed, ...notes] };
}

function unnamedColumn(index: number, name: string, file: string): Note {
  return {
    code: 'COLUMN_RENAMED',
    column: name,
    file,
    message: `Column ${index + 1} has no name in the file; it was named ${JSON.stringify(name)}.`,
  };
}
