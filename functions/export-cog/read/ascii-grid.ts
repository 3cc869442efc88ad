import { SluiceError } from '#shared/errors/sluice-error.ts';
import { readFileStream } from '#shared/streams/file-streams.ts';

/**
 * The type that holds all values of an Esri ASCII grid. GDAL chooses Int32 or Float32 by the first values, and reads
 * larger integers, more digits and words as other numbers, without an error.
 */
export type AsciiGridType = 'Int32' | 'Float32' | 'Float64';

const HEADER = /^(?:ncols|nrows|xll\w*|yll\w*|cellsize|dx|dy|nodata_value)$/i;
const INT32 = [-2_147_483_648, 2_147_483_647] as const;
/** Texts of this length have at most 6 significant digits with a point, which Float32 always keeps. */
const SHORT_TEXT = 7;
/** The largest argument that Number.toPrecision accepts. */
const MAX_PRECISION = 100;
/** Characters of a value in a message. */
const SHOWN_CHARACTERS = 40;

/** Reads the values once. Throws FILE_UNREADABLE for a value that is not a number. */
export async function asciiGridType(path: string, file: string, signal: AbortSignal): Promise<AsciiGridType> {
  const found: Found = { type: 'Int32', hasLongInteger: false };
  let isHeader = true;
  let isHeaderValue = false;
  let rest = '';
  const read = (token: string) => {
    if (token === '') return;
    if (isHeaderValue) isHeaderValue = false;
    else if (isHeader && HEADER.test(token)) isHeaderValue = true;
    else {
      isHeader = false;
      addValue(found, token, file);
    }
  };
  for await (const chunk of readFileStream(path)) {
    signal.throwIfAborted();
    const tokens = (rest + (chunk as Buffer).toString('latin1')).split(/\s/);
    rest = tokens.pop() ?? '';
    for (const token of tokens) read(token);
  }
  read(rest);
  return found.type === 'Float32' && found.hasLongInteger ? 'Float64' : found.type;
}

interface Found {
  type: AsciiGridType;
  /** True if the file has an integer that fits Int32, but not Float32. */
  hasLongInteger: boolean;
}

/** Widens the type so that it holds a further value. */
function addValue(found: Found, token: string, file: string): void {
  const value = numberOf(token, file);
  if (found.type === 'Float64') return;
  const isInteger = Number.isInteger(value) && !/[.,e]/i.test(token);
  if (found.type === 'Int32' && isInteger && value >= INT32[0] && value <= INT32[1]) {
    if (Math.fround(value) !== value) found.hasLongInteger = true;
    return;
  }
  found.type = isFloat32(value, token) ? 'Float32' : 'Float64';
}

/** True when the nearest Float32 has all digits of the text. */
function isFloat32(value: number, token: string): boolean {
  if (Number.isNaN(value) || token.length <= SHORT_TEXT) return true;
  const digits = Math.min(Math.max(countDigits(token), 1), MAX_PRECISION);
  return Number(Math.fround(value).toPrecision(digits)) === value;
}

/** GDAL accepts a decimal comma, and `nan`. */
function numberOf(token: string, file: string): number {
  const value = Number(token.replace(',', '.'));
  if (!Number.isNaN(value) || /^[-+]?nan$/i.test(token)) return value;
  const shown = JSON.stringify(token.slice(0, SHOWN_CHARACTERS));
  throw new SluiceError('FILE_UNREADABLE', `${file} contains ${shown} where a number is expected.`, {
    details: { file },
  });
}

/** Number of digits of a number as text, without leading zeros. */
function countDigits(token: string): number {
  const [mantissa = ''] = token.toLowerCase().split('e');
  return mantissa.replaceAll(/\D/g, '').replace(/^0+/, '').length;
}
