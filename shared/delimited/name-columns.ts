import type { Note } from '#shared/contracts/facts.ts';
import { namesForColumns } from '#shared/postgis/column-names.ts';

/**
 * Names for the columns of a file: those of the header, or `column_N` where it has none. Each change of a name is a
 * note.
 */
export function nameColumns(
  header: readonly string[] | undefined,
  count: number,
  file: string,
): { names: string[]; notes: Note[] } {
  const wanted = Array.from({ length: count }, (_, index) => header?.[index] || `column_${index + 1}`);
  const { names, notes } = namesForColumns(wanted, [], file);
  const unnamed = (header ?? []).flatMap((name, index) =>
    name === '' ? [unnamedColumn(index, names[index] ?? '', file)] : [],
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
