import { readChunks } from '#shared/streams/file-streams.ts';
import type { Column, Note } from '#shared/contracts/shared-schemas.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { Layer } from '#shared/gdal/layers.ts';
import { elementOf, scanFeatures } from './feature-scanner.ts';

/** Largest number of names in a message. */
const MAX_LISTED = 10;

/** Columns in which white space is a part of a value. */
const TEXT_TYPE = /^(?:character varying|text|json)/;

/**
 * Notes about values of the features of a layer that GDAL changes or leaves out. `columns` are those of its fields.
 * Throws ATTRIBUTE_AMBIGUOUS.
 */
export async function gmlValueNotes(
  { path, file }: { path: string; file: string },
  { name, fields, columns }: Pick<Layer, 'name' | 'fields'> & { columns: readonly Column[] },
  signal: AbortSignal,
): Promise<Note[]> {
  const scanner = await scanFeatures(readChunks(path, { signal }), { name, fields });
  const { paths, droppedAttributes, droppedTexts, trimmedTexts, misassigned } = scanner;
  const collision = paths.collision();
  if (collision !== undefined) throw ambiguous(collision, file, `is also the column ${collision.column} of`);
  if (misassigned !== undefined)
    throw ambiguous(misassigned, file, 'is the one of an element with parts, and GDAL reads it as one of');
  const textFields = fields.filter((_, index) => TEXT_TYPE.test(columns[index]?.type ?? ''));
  const textElements = new Set(textFields.map((field) => elementOf(field.name)));
  const note = (code: string, counts: ReadonlyMap<string, number>, text: (count: number, names: string) => string) =>
    counts.size === 0 ? [] : [{ code, file, message: text(sumOf(counts), listed(counts)) }];
  return [
    ...note(
      'ATTRIBUTES_DROPPED',
      droppedAttributes,
      (count, names) =>
        `${count} attributes of elements of ${file} are missing, because GDAL does not read them: ${names}. ` +
        'Write them as elements to keep them.',
    ),
    ...note(
      'VALUES_MISSING',
      tagged(droppedTexts),
      (count, names) =>
        `${count} texts of elements of ${file} are missing, because GDAL does not read them: ${names}. ` +
        'Declare these elements in the schema (.xsd), and write no text beside other elements.',
    ),
    ...note(
      'VALUES_MISSING',
      paths.nulled,
      (count, names) =>
        `${count} texts of repeated elements of ${file} are missing, because other elements with the same name have ` +
        `xsi:nil: ${names}. Remove the elements with xsi:nil.`,
    ),
    ...note(
      'VALUES_CHANGED',
      tagged(new Map([...trimmedTexts].filter(([element]) => textElements.has(element)))),
      (count, names) => `${count} texts of elements of ${file} begin with white space, which GDAL removes: ${names}.`,
    ),
    ...note(
      'LISTS_DIFFER',
      paths.unassigned,
      (_, names) =>
        `Features of ${file} repeat elements, and not each of these has the same parts: ${names}. The lists of such ` +
        'columns have different lengths, so their values cannot be assigned to each other. ' +
        'Write each part in each of these elements.',
    ),
    ...note(
      'COLUMNS_MERGED',
      paths.merged,
      (_, names) =>
        `Elements or attributes of ${file} with different prefixes are in the same column: ${names}. ` +
        'Rename them to keep them apart.',
    ),
  ];
}

function ambiguous(names: { attribute: string; element: string }, file: string, problem: string): SluiceError {
  const [attribute, element] = [names.attribute, names.element].map(asUtf8);
  const message = `The attribute ${attribute} of ${file} ${asUtf8(problem)} ${element}.`;
  return new SluiceError('ATTRIBUTE_AMBIGUOUS', message, { details: { file, attribute, element } });
}

function sumOf(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}

function tagged(counts: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  return new Map([...counts].map(([name, count]) => [`<${name}>`, count]));
}

/** The first names, which are bytes (Latin-1). */
function listed(counts: ReadonlyMap<string, number>): string {
  const names = [...counts.keys()].slice(0, MAX_LISTED).map(asUtf8).join(', ');
  return counts.size > MAX_LISTED ? `${names}, …` : names;
}

function asUtf8(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString('utf8');
}
