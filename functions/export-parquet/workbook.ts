import { readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import { type ArchiveMember, type Unpack, withArchive } from '#shared/gdal/archive.ts';
import { messagesOf } from '#shared/gdal/failure.ts';
import type { Gdal, GdalCommand } from '#shared/gdal/gdal.ts';
import { describeLayersCommand, type Layer, parseLayers } from '#shared/gdal/layers.ts';
import type { TableFormat } from '#shared/formats/table-formats.ts';
import { plainNumberFormats } from './number-formats.ts';
import { replaceMember } from './replace-member.ts';
import type { TabularType } from './value-types.ts';

/** A sheet of a workbook as delimited text, made by GDAL, with the types of its cells. */
export interface Sheet {
  path: string;
  name: string;
  types: TabularType[];
}

export interface Workbook {
  path: string;
  /** As the manifest names it. */
  file: string;
  format: TableFormat;
  /** The sheet that the manifest names; the first by default. */
  sheet: string | undefined;
  hasHeader: boolean;
}

/** The type of a column as GDAL finds it in all of its cells. What is text there stays text: someone typed it as text. */
const TYPE_OF_FIELD: Record<string, TabularType> = {
  Integer: 'bigint',
  Integer64: 'bigint',
  'Integer(Boolean)': 'boolean',
  Real: 'double',
  Date: 'date',
  DateTime: 'timestamp',
};

/**
 * Writes one sheet as CSV to `target`, beside the workbook. The first row holds the names of the columns, unless the manifest says that it has none; dates come as
 * `2024/01/31`, booleans as 0 and 1. Throws LAYER_MISSING with the sheets that there are, FILE_UNREADABLE, TOO_MANY_COLUMNS, and what withArchive throws.
 */
export async function extractSheet(
  workbook: Workbook,
  target: string,
  context: { gdal: Gdal; maxBytes: number; signal: AbortSignal },
): Promise<Sheet> {
  await withArchive(workbook.path, workbook.file, { maxBytes: context.maxBytes }, (members, unpack) =>
    setPlainNumberFormats(workbook, members, unpack, context.signal),
  );
  const { stdout } = await run(
    workbook,
    describeLayersCommand(workbook.path, dirname(workbook.path), workbook.format.drivers, {
      environment: environment(workbook),
    }),
    context,
  );
  const layer = chooseSheet(parseLayers(stdout), workbook);
  await rm(target, { force: true });
  await run(workbook, sheetCommand(workbook, layer.name, target), context);
  return { path: target, name: layer.name, types: layer.fields.map(({ type }) => TYPE_OF_FIELD[type] ?? 'text') };
}

/** The one place where GDAL looks for the formats of cells. */
const STYLES = 'xl/styles.xml';

/** Of the workbook's copy in the scratch folder, so that GDAL takes no time for a date. */
async function setPlainNumberFormats(
  { path, file, format }: Workbook,
  members: readonly ArchiveMember[],
  unpack: Unpack,
  signal: AbortSignal,
): Promise<void> {
  const member = members.findLast(({ name }) => name === STYLES);
  if (format.name !== 'XLSX' || member === undefined) return;
  if (member.size > MAX_STYLES_BYTES)
    throw new SluiceError(
      'FILE_TOO_LARGE',
      `${file} has ${member.size} bytes of styles; at most ${MAX_STYLES_BYTES} are read. Save its sheet as CSV.`,
      { details: { file, limit: MAX_STYLES_BYTES } },
    );
  const unpacked = join(dirname(path), 'styles.xml');
  await unpack(member, unpacked, signal);
  const styles = await readFile(unpacked, 'utf8');
  await rm(unpacked);
  const plain = plainNumberFormats(styles);
  if (plain !== styles) await replaceMember(path, file, members, member, Buffer.from(plain));
}

/** Styles are held whole. Excel stops at 64,000 of them, which take a tenth of this. */
const MAX_STYLES_BYTES = 64 * 2 ** 20;

/** `target` lies beside the workbook. Cells are written as text, so that numbers keep all their digits. */
export function sheetCommand(workbook: Workbook, sheet: string, target: string): GdalCommand {
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
      `select * from "${sheet.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`,
      '-lco',
      'SEPARATOR=COMMA',
    ],
    drivers: [...workbook.format.drivers, 'CSV'],
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
  const sheets = layers.map(({ name }) => name);
  if (sheet === undefined)
    throw new SluiceError('FILE_UNREADABLE', `${file} has no sheet with cells.`, { details: { file } });
  throw new SluiceError(
    'LAYER_MISSING',
    `${file} has no sheet ${JSON.stringify(sheet)}; it has ${sheets.map((name) => JSON.stringify(name)).join(', ')}.`,
    { details: { file, sheet, layers: sheets } },
  );
}

async function run({ file }: Workbook, command: GdalCommand, { gdal, signal }: { gdal: Gdal; signal: AbortSignal }) {
  try {
    const result = await gdal.run(command, { signal });
    refuseLoss(result.stderr, file);
    return result;
  } catch (thrown) {
    const error = asSluiceError(thrown);
    if (error.code !== 'FILE_UNREADABLE' || error.details.file !== undefined) throw error;
    throw new SluiceError('FILE_UNREADABLE', `${file} cannot be read. ${error.message}`, {
      cause: thrown,
      details: { ...error.details, file },
    });
  }
}

/** GDAL goes past cells and rows that it can't hold, and succeeds. */
function refuseLoss(stderr: string, file: string): void {
  const [error] = messagesOf(stderr);
  if (error === undefined) return;
  if (/Maximum number of fields/.test(error))
    throw new SluiceError(
      'TOO_MANY_COLUMNS',
      `${file} has more columns than GDAL reads of a sheet: ${error}. Save the sheet as CSV, or remove cells far to the right.`,
      { details: { file } },
    );
  throw new SluiceError(
    'FILE_UNREADABLE',
    `${file} cannot be read whole; GDAL says: ${error}. Save it again, or as CSV.`,
    { details: { file, messages: [error] } },
  );
}
