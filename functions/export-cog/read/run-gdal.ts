import { SluiceError } from '#shared/errors/sluice-error.ts';
import { nameFileInLimitError, messagesOf, warningsOf } from '#shared/gdal/gdal-error.ts';
import type { Note } from '#shared/contracts/facts.ts';

/** What GDAL says of a raster, as errors and notes about the user's file. */

/** PROJ tells of points outside of a projection, which become "no data". */
const ABOUT_PROJ = /^PROJ: |^proj_|^Reprojection failed|^Too many points/;
/** Said although nothing is lost. */
const HARMLESS =
  /not a (?:Longitude\/X|Latitude\/Y) dimension|PREDICTOR|TIFFReadDirectory:Unknown field|Point outside of projection domain/i;
/** The first ones tell the story. */
const MAX_NOTES = 10;

/** The error of a failed gdalinfo, gdal_translate or gdalwarp, about the file. */
export function rasterError(error: SluiceError, file: string): SluiceError {
  if (error.code !== 'FILE_UNREADABLE') return nameFileInLimitError(error, file);
  const messages = (error.details.messages ?? []) as string[];
  if (
    messages.some((message) =>
      /not recognized as (?:a|being in a) supported file format|does not exist in the file system/.test(message),
    )
  ) {
    return new SluiceError(
      'FORMAT_MISMATCH',
      `${file} is not of the format that the manifest says: GDAL cannot open it as such. Correct \`format\`, or the file.`,
      { cause: error, details: { file, messages } },
    );
  }
  return new SluiceError('FILE_UNREADABLE', `${file} cannot be read. ${error.message}`, {
    cause: error,
    details: { ...error.details, file },
  });
}

/** Notes from what GDAL printed although it succeeded. Throws FILE_UNREADABLE for an error that it went past: pixels behind it may be missing. */
export function notesFromGdalOutput(stderr: string, file: string): Note[] {
  const errors = messagesOf(stderr).filter((message) => !ABOUT_PROJ.test(message));
  if (errors[0] !== undefined)
    throw new SluiceError('FILE_UNREADABLE', `${file} is damaged; GDAL says: ${errors[0]}`, {
      details: { file, messages: errors.slice(0, MAX_NOTES) },
    });
  return [...new Set(warningsOf(stderr))]
    .filter((message) => !HARMLESS.test(message))
    .slice(0, MAX_NOTES)
    .map((message) => ({ code: 'GDAL_WARNING', message, file }));
}
