import { readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import type { TableFormat } from '#shared/formats/table-formats.ts';
import { type ArchiveMember, type Unpack, withArchive } from '#shared/formats/archive.ts';
import { messagesOf, nameFileInLimitError } from '#shared/gdal/gdal-error.ts';
import type { Gdal, GdalCommand, GdalResult } from '#shared/gdal/gdal.ts';
import { describeLayersCommand, type Layer, parseLayers } from '#shared/gdal/layers.ts';
import type { ValueType } from '#shared/contracts/facts.ts';
import { MAX_NUMBER_FORMATS, plainNumberFormats } from './number-formats.ts';
import { replaceMember } from './replace-member.ts';

/** A sheet of a workbook that GDAL wrote as delimited text, with the types of its columns. */
export interface Sheet {
  path: string;
  name: string;
  types: ValueType[];
}

export interface Workbook {
  path: string;
  /** The name in the manifest, for messages. */
  file: string;
  format: TableFormat;
  /** The sheet that the manifest names; undefined for the first. */
  sheet: string | undefined;
  hasHeader: boolean;
}

/** The types that GDAL derives from all cells of a column. Others are text, because a user entered a text. */
const TYPE_OF_FIELD: Record<string, ValueType> = {
  Integer: 'bigint',
  Integer64: 'bigint',
  'Integer(Boolean)': 'boolean',
  Real: 'double',
  Date: 'date',
  DateTime: 'timestamp',
};

/** The member of an XLSX file from which GDAL reads the number formats of cells. */
const STYLES = 'xl/styles.xml';
/** Styles are read into memory. Excel writes at most 64,000 of them, which have a fifth of this size. */
const MAX_STYLES_BYTES = 32 * 2 ** 20;

/**
 * Writes one sheet as CSV to `target`, which is in the folder of the workbook. Its first line holds the names of the
 * columns; without a header GDAL generates them. Dates are written as `2024/01/31`, booleans as 0 and 1. Throws
 * LAYER_MISSING, FILE_UNREADABLE, TOO_MANY_COLUMNS, and the errors of withArchive.
 */
export async function extractSheet(
  workbook: Workbook,
  target: string,
  context: { gdal: Gdal; maxBytes: number; signal: AbortSignal },
): Promise<Sheet> {
  const { path, file, format } = workbook;
  await withArchive(path, file, { maxBytes: context.maxBytes }, async (members, unpack) => {
    const styles = members.findLast(({ name }) => name === STYLES);
    if (format.name === 'XLSX' && styles !== undefined)
      await replaceNumberFormats(workbook, members, styles, unpack, context.signal);
  });
  const describe = describeLayersCommand(path, dirname(path), format.drivers, { environment: environment(workbook) });
  const { stdout } = await run(workbook, describe, context);
  const layer = chooseSheet(parseLayers(stdout), workbook);
  await rm(target, { force: true });
  await run(workbook, sheetCommand(workbook, layer.name, target), context);
  return { path: target, name: layer.name, types: layer.fields.map(({ type }) => TYPE_OF_FIELD[type] ?? 'text') };
}

/** Changes the copy of the workbook in the scratch folder, so that GDAL does not read a time as a date. */
async function replaceNumberFormats(
  { path, file }: Workbook,
  members: readonly ArchiveMember[],
  styles: ArchiveMember,
  unpack: Unpack,
  signal: AbortSignal,
): Promise<void> {
  if (styles.size > MAX_STYLES_BYTES) throw stylesTooLarge(file, `${styles.size} bytes of styles`, MAX_STYLES_BYTES);
  const unpacked = join(dirname(path), 'styles.xml');
  await unpack(styles, unpacked, signal);
  const original = await readFile(unpacked, 'utf8');
  await rm(unpacked);
  const plain = plainNumberFormats(original);
  if (plain === undefined) throw stylesTooLarge(file, 'too many number formats', MAX_NUMBER_FORMATS);
  if (plain !== original) await replaceMember(path, file, members, styles, Buffer.from(plain));
}

function stylesTooLarge(file: string, found: string, limit: number): SluiceError {
  return new SluiceError(
    'FILE_TOO_LARGE',
    `${file} has ${found}; Sluice reads at most ${limit}. Save its sheet as CSV.`,
    { details: { file, limit } },
  );
}

function sheetCommand(workbook: Workbook, sheet: string, target: string): GdalCommand {
  const name = sheet.replaceAll('\\', '\\\\').replaceAll('"', '\\"');
  return {
    command: 'ogr2ogr',
    args: [
      '-f',
      'CSV',
      target,
      workbook.path,
      '-dialect',
      'OGRSQL',
      '-sql',
      `select * from "${name}"`,
      '-lco',
      'SEPARATOR=COMMA',
    ],
    drivers: [...workbook.format.drivers, 'CSV'],
    // As text, numbers keep all of their digits.
    environment: { ...environment(workbook), [`OGR_${workbook.format.name}_FIELD_TYPES`]: 'STRING' },
    folder: dirname(workbook.path),
    output: target,
  };
}

function environment({ format, hasHeader }: Workbook): Record<string, string> {
  return { [`OGR_${format.name}_HEADERS`]: hasHeader ? 'FORCE' : 'DISABLE' };
}

function chooseSheet(layers: readonly Layer[], { sheet, file }: Workbook): Layer {
  const chosen = sheet === undefined ? layers[0] : layers.find(({ name }) => name === sheet);
  if (chosen !== undefined) return chosen;
  if (sheet === undefined)
    throw new SluiceError('FILE_UNREADABLE', `${file} has no sheet with cells. Upload a workbook with data.`, {
      details: { file },
    });
  const sheets = layers.map(({ name }) => name);
  throw new SluiceError(
    'LAYER_MISSING',
    `${file} has no sheet ${JSON.stringify(sheet)}. Its sheets are ` +
      `${sheets.map((name) => JSON.stringify(name)).join(', ')}.`,
    { details: { file, sheet, layers: sheets } },
  );
}

async function run(
  { file }: Workbook,
  command: GdalCommand,
  { gdal, signal }: { gdal: Gdal; signal: AbortSignal },
): Promise<GdalResult> {
  try {
    const result = await gdal.run(command, { signal });
    checkComplete(result.stderr, file);
    return result;
  } catch (thrown) {
    const error = asSluiceError(thrown);
    if (error.code !== 'FILE_UNREADABLE' || error.details.file !== undefined) throw nameFileInLimitError(error, file);
    throw new SluiceError('FILE_UNREADABLE', `${file} cannot be read. ${error.message}`, {
      cause: thrown,
      details: { ...error.details, file },
    });
  }
}

/** GDAL skips cells and rows beyond its limits, prints a message and exits with success. */
function checkComplete(stderr: string, file: string): void {
  const [message] = messagesOf(stderr);
  if (message === undefined) return;
  if (/Maximum number of fields/.test(message))
    throw new SluiceError(
      'TOO_MANY_COLUMNS',
      `${file} has more columns than GDAL reads from a sheet: ${message}. ` +
        'Save the sheet as CSV, or delete the cells in the last columns.',
      { details: { file } },
    );
  throw new SluiceError(
    'FILE_UNREADABLE',
    `GDAL cannot read all cells of ${file}: ${message}. Save the workbook again, or save its sheet as CSV.`,
    { details: { file, messages: [message] } },
  );
}
