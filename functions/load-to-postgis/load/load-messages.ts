import { SluiceError } from '#shared/errors/sluice-error.ts';
import { nameFileInLimitError, messagesOf, warningsOf } from '#shared/gdal/gdal-error.ts';
import type { Note } from '#shared/contracts/facts.ts';

/** What GDAL says while it loads: nothing that means loss stays unsaid. */

const ENCODING =
  /couldn't be converted correctly|[Rr]ecode from .* (?:not supported|failed)|invalid byte sequence for encoding|Non UTF-8 content|not (?:a )?valid UTF-?8|Invalid UTF-8/;
/** Said although nothing is lost, or told otherwise: columns that ogr2ogr renames (planColumns), options, hints about other formats. */
const HARMLESS =
  /already exists\. Renaming it as|does not support layer creation option|organizePolygons\(\)|Non closed ring detected|Normalized\/laundered field name|Field with same name|\.shx|using default encoding/i;
/** PROJ complains of CRSs that it then reads in another way. */
const ABOUT_PROJ = /^PROJ: |^proj_/;
/** Of curl, and of GDAL for an address that curl does not take: the sandbox has no network, but the file asked for it. */
const REACHES_OUT =
  /^Failed to connect to |^Could not resolve |^Couldn't connect to server|not recognized as a URL\s?starting with|^HTTP error code/;
const LOSS =
  /parsed incompletely|truncated|not successfully written|out of range|Invalid value type|could not be (?:set|converted)/i;
/** The first ones tell the story. */
const MAX_NOTES = 10;

/**
 * Notes from what ogrinfo and ogr2ogr printed although they succeeded. Throws ENCODING_INVALID for text that could not be decoded, and
 * FILE_UNREADABLE for an error that GDAL went past: a feature behind it may be missing.
 */
export function notesOfMessages(stderr: string, file: string): Note[] {
  const [errors, warnings] = [messagesOf(stderr), warningsOf(stderr)];
  const encoding = [...errors, ...warnings].find((message) => ENCODING.test(message));
  if (encoding !== undefined) throw encodingInvalid(file, encoding);
  if (errors.some((message) => REACHES_OUT.test(message))) throw reachesOut(file, errors);
  const serious = errors.find((message) => !ABOUT_PROJ.test(message));
  if (serious !== undefined)
    throw new SluiceError('FILE_UNREADABLE', `${file} is damaged; GDAL says: ${serious}`, {
      details: { file, messages: errors.slice(0, MAX_NOTES) },
    });
  return [...new Set([...errors, ...warnings])]
    .filter((message) => !HARMLESS.test(message))
    .slice(0, MAX_NOTES)
    .map((message) => ({ code: LOSS.test(message) ? 'VALUES_CHANGED' : 'GDAL_WARNING', message, file }));
}

/** The error of a failed ogrinfo or ogr2ogr, about the file: `details.file` and the right code. */
export function explainLoadFailure(error: SluiceError, file: string): SluiceError {
  if (error.code !== 'FILE_UNREADABLE') return nameFileInLimitError(error, file);
  const messages = (error.details.messages ?? []) as string[];
  const encoding = messages.find((message) => ENCODING.test(message));
  if (encoding !== undefined) return encodingInvalid(file, encoding);
  if (messages.some((message) => REACHES_OUT.test(message))) return reachesOut(file, messages);
  if (
    messages.some((message) => /tables can have at most 1600 columns|row size .* exceeds|row is too big/.test(message))
  ) {
    return new SluiceError(
      'TOO_MANY_COLUMNS',
      `${file} has more columns than PostgreSQL can hold. Drop columns, or split the table.`,
      { cause: error, details: { file, messages } },
    );
  }
  const notThis = messages.every((message) => /^Unable to open datasource/.test(message)) && messages.length > 0;
  if (notThis) {
    return new SluiceError(
      'FORMAT_MISMATCH',
      `${file} is not of the format that the manifest says: GDAL cannot open it as such. Correct \`format\`, or the file.`,
      { cause: error, details: { file, messages } },
    );
  }
  const cell = /ERROR: (.+?)(?: HINT: .*)? CONTEXT: COPY \S+, line (\d+), column (.+?):/.exec(messages.join(' '));
  if (cell !== null) {
    const [, said, row, column] = cell;
    return new SluiceError(
      'FILE_UNREADABLE',
      `Row ${row} of ${file}, column ${JSON.stringify(column)}: ${said}. Correct the value, or leave it empty.`,
      { cause: error, details: { file, row: Number(row), column, messages } },
    );
  }
  const feature = /feature (\d+)/.exec(messages.join(' '))?.[1];
  return new SluiceError(
    'FILE_UNREADABLE',
    `${file} cannot be read. ${error.message}${feature === undefined ? '' : ` (feature ${feature})`}`,
    {
      cause: error,
      details: { ...error.details, file, ...(feature === undefined ? {} : { feature: Number(feature) }) },
    },
  );
}

function reachesOut(file: string, messages: readonly string[]): SluiceError {
  return new SluiceError(
    'FILE_FORBIDDEN_CONTENT',
    `${file} refers to a server or another file, such as a CRS by a link. Remove that; Sluice reads only what was uploaded.`,
    { details: { file, messages: messages.slice(0, MAX_NOTES) } },
  );
}

function encodingInvalid(file: string, message: string): SluiceError {
  return new SluiceError(
    'ENCODING_INVALID',
    `The text of ${file} is not in the encoding that it declares: ${message}. Correct the .cpg file, or set \`encoding\` for the file in the manifest.`,
    { details: { file, message } },
  );
}
