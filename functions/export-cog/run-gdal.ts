import type { Note } from '#shared/contracts/shared-schemas.ts';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import { asSentence, messagesOf, nameFileInLimitError, warningsOf } from '#shared/gdal/gdal-error.ts';
import type { GdalCommand, GdalResult } from '#shared/gdal/gdal.ts';
import type { Context } from '#shared/runtime/context.ts';

/** Runs GDAL programs on rasters and converts their messages to errors and notes about the file of the user. */

export type RasterContext = Pick<Context, 'gdal' | 'env'> & { signal: AbortSignal };

/**
 * Memory of gdalwarp for a part of source and target, in MB. An image of 500 megapixels is warped in some dozens of
 * parts.
 */
export const WARP_MEMORY_MB = 256;
/** LZW is the fastest compression that every GDAL has. The warped file is temporary. */
export const CREATION_OPTIONS = ['TILED=YES', 'COMPRESS=LZW', 'BIGTIFF=YES'];

/** Messages about points outside of a projection. Such points become nodata. */
const ABOUT_PROJ = /^PROJ: |^proj_|^Reprojection failed|^Too many points/;
/** Warnings without a loss of data. */
const HARMLESS =
  /not a (?:Longitude\/X|Latitude\/Y) dimension|PREDICTOR|TIFFReadDirectory:Unknown field|Point outside of projection domain/i;
const WRONG_FORMAT = /not recognized as (?:a|being in a) supported file format|does not exist in the file system/;
/** What the GRIB driver reports for every field that it cannot decode. */
const CANNOT_DECODE = /^Out of memory\.$|IReadBlock failed .*: Out of memory/;
const DECODE_ADVICE =
  'This message of the GRIB driver means that it cannot decode the values, for example because of their packing. ' +
  'Pack them again, for example with grib_set -r -s packingType=grid_simple.';
/** GDAL can warn once per block; the first warnings are sufficient. */
const MAX_NOTES = 10;

/** Runs a GDAL program. Its errors name `file`. */
export async function runGdalOn(
  file: string,
  command: GdalCommand,
  { gdal, signal }: RasterContext,
): Promise<GdalResult> {
  try {
    return await gdal.run(command, { signal });
  } catch (thrown) {
    throw rasterError(asSluiceError(thrown), file);
  }
}

/** The error of a GDAL program that failed, about `file`. */
function rasterError(error: SluiceError, file: string): SluiceError {
  if (error.code !== 'FILE_UNREADABLE') return nameFileInLimitError(error, file);
  const messages = (error.details.messages ?? []) as string[];
  if (messages.some((message) => WRONG_FORMAT.test(message))) {
    return new SluiceError('FORMAT_MISMATCH', `GDAL cannot open ${file} in the format that the manifest declares.`, {
      cause: error,
      details: { file, messages },
    });
  }
  const packing = messages.some((message) => CANNOT_DECODE.test(message)) ? DECODE_ADVICE : '';
  return new SluiceError('FILE_UNREADABLE', `${file} cannot be read. ${asSentence(error.message)} ${packing}`.trim(), {
    cause: error,
    details: { ...error.details, file },
  });
}

/**
 * Notes from the warnings of a GDAL program that succeeded. Throws FILE_UNREADABLE for an error message, because pixels
 * may be missing although the program continued.
 */
export function notesFromGdalOutput(stderr: string, file: string): Note[] {
  const errors = messagesOf(stderr).filter((message) => !ABOUT_PROJ.test(message));
  if (errors[0] !== undefined)
    throw new SluiceError('FILE_UNREADABLE', `${file} is damaged. GDAL reported: ${errors[0]}`, {
      details: { file, messages: errors.slice(0, MAX_NOTES) },
    });
  return [...new Set(warningsOf(stderr))]
    .filter((message) => !HARMLESS.test(message))
    .slice(0, MAX_NOTES)
    .map((message) => ({ code: 'GDAL_WARNING', message, file }));
}
