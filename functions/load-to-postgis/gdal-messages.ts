import type { Note } from '#shared/contracts/shared-schemas.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { messagesOf, nameFileInLimitError, warningsOf } from '#shared/gdal/gdal-error.ts';

/** Turns GDAL's messages about a file into notes and errors. Every message that can mean a loss of data is reported. */

const ENCODING =
  /couldn't be converted correctly|[Rr]ecode from .* (?:not supported|failed)|invalid byte sequence for encoding|Non UTF-8 content|not (?:a )?valid UTF-?8|Invalid UTF-8/;
/**
 * Messages without a loss: columns that ogr2ogr renames (noted by planColumns), options, hints about other formats, a
 * GeoPackage of a newer version (whose tables Sluice reads), text in UTF-8 (which GDAL copies). roundedTextNotes counts
 * links of GPX.
 */
const HARMLESS =
  /only reads 2 links|This version of GeoPackage .* may only be partially|corresponding to MapInfo UTF-8 charset|already exists\. Renaming it as|does not support layer creation option|organizePolygons\(\)|Non closed ring detected|Normalized\/laundered field name|Field with same name|\.shx|using default encoding/i;
/** PROJ reports errors for CRSs that it then reads in another way. */
const FROM_PROJ = /^PROJ: |^proj_/;
/** GDAL's driver for GeoPackage about a blob that is not a geometry. removeUnreadable counts these rows. */
const UNREADABLE_BLOB = /^Unable to read geometry$/;
/**
 * Messages of curl, and of GDAL for an address that curl rejects. The sandbox has no network, so the request failed,
 * but the file caused it.
 */
const NETWORK_ACCESS =
  /^Failed to connect to |^Could not resolve |^Couldn't connect to server|not recognized as a URL\s?starting with|^HTTP error code/;
const DATA_LOSS =
  /parsed incompletely|truncated|not successfully written|out of range|Invalid value type|could not be (?:set|converted)/i;
const TOO_MANY_COLUMNS = /tables can have at most 1600 columns|row size .* exceeds|row is too big/;
const NOT_OPENED = /^Unable to open datasource/;
/** The place that PostgreSQL adds to the error for a value that COPY rejects: row, column. */
const COPY_PLACE = / CONTEXT: COPY \S+, line (\d+), column (.+?):/;
/** GDAL repeats a message for each feature; the first messages show the cause. */
const MAX_NOTES = 10;

/**
 * The notes for the messages of programs that succeeded. Throws ENCODING_INVALID for text that could not be decoded,
 * FILE_FORBIDDEN_CONTENT for a reference, and FILE_UNREADABLE for an error that GDAL ignored: features may be missing.
 * `views` are the removed views of a database; GDAL reports that they are missing.
 */
export function notesFromMessages(stderr: string, file: string, views: readonly string[] = []): Note[] {
  const [errors, warnings] = [messagesOf(stderr), warningsOf(stderr)].map((messages) =>
    messages.filter((message) => !UNREADABLE_BLOB.test(message) && !views.some((view) => isAboutView(message, view))),
  ) as [string[], string[]];
  const encoding = [...errors, ...warnings].find((message) => ENCODING.test(message));
  if (encoding !== undefined) throw encodingInvalid(file, encoding);
  if (errors.some((message) => NETWORK_ACCESS.test(message))) throw externalReference(file, errors);
  const error = errors.find((message) => !FROM_PROJ.test(message));
  if (error !== undefined)
    throw new SluiceError('FILE_UNREADABLE', `${file} is damaged. GDAL reported: ${error}`, {
      details: { file, messages: errors.slice(0, MAX_NOTES) },
    });
  return [...new Set([...errors, ...warnings])]
    .filter((message) => !HARMLESS.test(message))
    .slice(0, MAX_NOTES)
    .map((message) => ({ code: DATA_LOSS.test(message) ? 'VALUES_CHANGED' : 'GDAL_WARNING', message, file }));
}

/** Messages of GDAL's drivers for GeoPackage and for SpatiaLite about a view that was removed. */
function isAboutView(message: string, view: string): boolean {
  return message.startsWith(`Table/view ${view} is referenced in `) || message.endsWith(` no such table: ${view}.`);
}

/** The error of a failed ogrinfo or ogr2ogr as an error about the file, with its cause as the code. */
export function explainGdalFailure(error: SluiceError, file: string): SluiceError {
  if (error.code !== 'FILE_UNREADABLE') return nameFileInLimitError(error, file);
  const messages = (error.details.messages ?? []) as string[];
  const encoding = messages.find((message) => ENCODING.test(message));
  if (encoding !== undefined) return encodingInvalid(file, encoding);
  if (messages.some((message) => NETWORK_ACCESS.test(message))) return externalReference(file, messages);
  if (messages.some((message) => TOO_MANY_COLUMNS.test(message))) {
    return new SluiceError(
      'TOO_MANY_COLUMNS',
      `${file} has more columns than a PostgreSQL table can hold. Remove columns, or split the table.`,
      { cause: error, details: { file, messages } },
    );
  }
  if (messages.length > 0 && messages.every((message) => NOT_OPENED.test(message))) {
    return new SluiceError('FORMAT_MISMATCH', `GDAL cannot open ${file} in the format that the manifest declares.`, {
      cause: error,
      details: { file, messages },
    });
  }
  return rejectedValue(error, messages, file) ?? unreadable(error, messages, file);
}

/** The error for a value that PostgreSQL rejected; undefined when that was not the cause. */
function rejectedValue(error: SluiceError, messages: readonly string[], file: string): SluiceError | undefined {
  const [, reported] = splitAt(messages.join(' '), 'ERROR: ');
  const place = COPY_PLACE.exec(reported);
  if (place === null) return undefined;
  const [, row, column] = place;
  const [reason] = splitAt(reported.slice(0, place.index), ' HINT: ');
  return new SluiceError(
    'FILE_UNREADABLE',
    `Row ${row} of ${file}, column ${JSON.stringify(column)}: ${reason}. Correct the value, or leave it empty.`,
    { cause: error, details: { file, row: Number(row), column, messages } },
  );
}

/** The text before and after the first separator. */
function splitAt(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + separator.length)];
}

function unreadable(error: SluiceError, messages: readonly string[], file: string): SluiceError {
  const feature = /feature (\d+)/.exec(messages.join(' '))?.[1];
  const place = feature === undefined ? '' : ` (feature ${feature})`;
  return new SluiceError('FILE_UNREADABLE', `${file} cannot be read. ${error.message}${place}`, {
    cause: error,
    details: { ...error.details, file, ...(feature === undefined ? {} : { feature: Number(feature) }) },
  });
}

function externalReference(file: string, messages: readonly string[]): SluiceError {
  return new SluiceError(
    'FILE_FORBIDDEN_CONTENT',
    `${file} refers to a server or another file, for example by a link to its CRS. ` +
      'Remove the reference; Sluice reads uploaded files only.',
    { details: { file, messages: messages.slice(0, MAX_NOTES) } },
  );
}

function encodingInvalid(file: string, message: string): SluiceError {
  return new SluiceError(
    'ENCODING_INVALID',
    `The text of ${file} is not in its declared encoding: ${message}. ` +
      `${/\.shp$/i.test(file) ? 'Correct the .cpg file, or set' : 'Set'} \`encoding\` for the file in the manifest.`,
    { details: { file, message } },
  );
}
