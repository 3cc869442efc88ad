import { z } from 'zod';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { cleanText } from '#shared/gdal/gdal-error.ts';
import type { RasterFormat } from '#shared/formats/raster-formats.ts';
import type { GdalCommand } from '#shared/gdal/gdal.ts';

/** The part of `gdalinfo -json` that Sluice uses. Sizes are in pixels, coordinates in units of the CRS. */

/** What has metadata: items by domain. */
interface Described {
  metadata: Record<string, unknown>;
}

/** Colors of the values 0, 1, 2, …: red, green, blue, opacity. */
const ColorTableSchema = z.object({ entries: z.array(z.array(z.number())) });
const Domains = z.record(z.string(), z.unknown()).default({});
const BandInfoSchema = z
  .object({
    /** GDAL's name: Byte, Int16, Float32, CFloat32, … */
    type: z.string(),
    colorInterpretation: z.string().optional(),
    description: z.string().optional(),
    colorTable: ColorTableSchema.optional().catch(undefined),
    /** Names of the classes 0, 1, 2, …. */
    categories: z.array(z.string()).optional(),
    noDataValue: z.union([z.number(), z.string()]).transform(toPixelValue).optional(),
    scale: z.number().optional().catch(undefined),
    offset: z.number().optional().catch(undefined),
    unit: z.string().optional(),
    /** The range of the pixels that are not nodata, after `range` of infoCommand. */
    computedMin: z.number().optional().catch(undefined),
    computedMax: z.number().optional().catch(undefined),
    overviews: z.array(z.object({ size: z.tuple([z.number(), z.number()]) })).default([]),
    mask: z.object({ flags: z.array(z.string()) }).optional(),
    metadata: Domains,
  })
  .transform((band) => ({ ...band, ...exactNodata(band), ...(isSignedByte(band) ? { type: 'Int8' } : {}) }));
const InfoSchema = z.object({
  driverShortName: z.string(),
  /** All files that GDAL opens to read the raster. */
  files: z.array(z.string()).default([]),
  size: z.tuple([z.number().int(), z.number().int()]),
  coordinateSystem: z.object({ wkt: z.string() }).optional(),
  geoTransform: z.tuple([z.number(), z.number(), z.number(), z.number(), z.number(), z.number()]).optional(),
  gcps: z
    .object({ gcpList: z.array(z.unknown()), coordinateSystem: z.object({ wkt: z.string() }).optional() })
    .optional(),
  metadata: Domains,
  bands: z.array(BandInfoSchema).default([]),
});
export type RasterInfo = z.infer<typeof InfoSchema>;
export type BandInfo = z.infer<typeof BandInfoSchema>;

/**
 * The value of a pixel. JSON has no NaN and no infinity, so they are written as words. Integers that a double cannot
 * hold are texts of digits.
 */
export type PixelValue = number | 'nan' | 'inf' | '-inf' | `${bigint}`;

/**
 * Only 64-bit integers can have a value that a double cannot hold. gdalinfo prints the shortest decimal that identifies
 * the value of a Float32 pixel, which is another double.
 */
function exactNodata({ type, noDataValue }: { type: string; noDataValue?: PixelValue | undefined }) {
  const value = Number(noDataValue); // NaN for a word.
  if (/^U?Int64$/.test(type) || Number.isNaN(value)) return {};
  const typed = type === 'Float32' ? Math.fround(value) : value;
  return { noDataValue: Number.isFinite(typed) ? typed : value };
}

/** GDAL before 3.7 has no type for signed bytes, and describes them as bytes with this item. */
export function isSignedByte(band: Described): boolean {
  return metadataItem(band, 'PIXELTYPE', 'IMAGE_STRUCTURE') === 'SIGNEDBYTE';
}

/** Of a number, or of a text of digits or of a word that is not a finite number. */
export function toPixelValue(value: number | string): PixelValue {
  if (typeof value === 'number') return value;
  if (/^-?\d+$/.test(value)) return Number.isSafeInteger(Number(value)) ? Number(value) : (value as `${bigint}`);
  if (/nan/i.test(value)) return 'nan';
  return value.startsWith('-') ? '-inf' : 'inf';
}

/** Describes a raster in `folder`. With `statistics` or `range`, GDAL reads every pixel. */
export function infoCommand(
  name: string,
  folder: string,
  {
    drivers,
    environment,
    openOptions = [],
  }: Pick<RasterFormat, 'drivers' | 'environment'> & { openOptions?: string[] },
  options: { statistics?: boolean; range?: boolean } = {},
): GdalCommand {
  return {
    command: 'gdalinfo',
    // -norat: attribute tables can be long. attribute-table.ts reads them.
    args: [
      ...['-json', '-norat', '-listmdd', ...(options.statistics ? ['-stats'] : []), ...(options.range ? ['-mm'] : [])],
      ...openOptions.flatMap((option) => ['-oo', option]),
      name,
    ],
    drivers: [...drivers],
    folder,
    environment: { GDAL_PAM_ENABLED: 'NO', ...environment }, // Neither reads nor writes .aux.xml files.
  };
}

/** Parses the output of `infoCommand`, in which GDAL writes NaN and infinity without quotes. Throws FILE_UNREADABLE. */
export function parseRasterInfo(stdout: string, file: string): RasterInfo {
  try {
    const [start, end] = jsonRange(stdout);
    const info: unknown = JSON.parse(quoteSpecialNumbers(stdout.slice(start, end)), exactNumber);
    const bands = (info as { bands?: unknown[] }).bands?.length ?? 0;
    if (bands > MAX_BANDS) throw tooManyBands(file, bands);
    return InfoSchema.parse(info);
  } catch (cause) {
    if (cause instanceof SluiceError) throw cause;
    throw new SluiceError('FILE_UNREADABLE', `The output of gdalinfo for ${file} cannot be parsed.`, {
      cause,
      details: { file },
    });
  }
}

/** A reviver of JSON.parse that returns the text of an integer that a double cannot hold, such as a nodata value. */
function exactNumber(key: string, value: unknown, { source }: { source?: string } = {}): unknown {
  const isLargeInteger = key === 'noDataValue' && Number.isInteger(value) && !Number.isSafeInteger(value);
  return isLargeInteger && source !== undefined && /^-?\d+$/.test(source) ? source : value;
}

/** Drivers, such as GRIB, print their own messages before the JSON document, which starts and ends on a line. */
function jsonRange(stdout: string): [start: number, end: number] {
  const start = stdout.search(/^\{/m);
  const lastLine = stdout.lastIndexOf('\n}');
  return start === -1 ? [0, stdout.length] : [start, lastLine > start ? lastLine + 2 : stdout.length];
}

/** What a driver printed before the JSON document, on one line; empty if it printed nothing. */
export function messageBeforeInfo(stdout: string): string {
  return cleanText(stdout.slice(0, jsonRange(stdout)[0]))
    .replaceAll(/\s+/g, ' ')
    .trim();
}

/** Hourly values of two years. The description of one band takes about 20 µs to validate. */
const MAX_BANDS = 20_000;

function tooManyBands(file: string, bands: number): SluiceError {
  return new SluiceError(
    'FILE_TOO_LARGE',
    `${file} has ${bands} bands; Sluice reads at most ${MAX_BANDS}. Split the file.`,
    { details: { file, bands, limit: MAX_BANDS } },
  );
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LETTERS = /[a-z]+/iy;
const SPECIAL_NUMBERS = new Set(['nan', 'inf', 'infinity']);

/** JSON with quotes around the numbers that JSON does not have. Texts are not changed. */
function quoteSpecialNumbers(json: string): string {
  const parts: string[] = [];
  let copied = 0;
  for (let at = 0; at < json.length;) {
    const letters = json.charCodeAt(at) === QUOTE ? '' : lettersAt(json, at);
    if (SPECIAL_NUMBERS.has(letters.toLowerCase())) {
      const start = json[at - 1] === '-' ? at - 1 : at;
      parts.push(json.slice(copied, start), `"${json.slice(start, at + letters.length)}"`);
      copied = at + letters.length;
    }
    at = json.charCodeAt(at) === QUOTE ? endOfText(json, at) : at + Math.max(1, letters.length);
  }
  return parts.join('') + json.slice(copied);
}

/** The letters at an offset outside of a text; empty for another character. */
function lettersAt(json: string, at: number): string {
  if (json.charCodeAt(at) < 0x41) return ''; // Digits, blanks and punctuation: most characters.
  LETTERS.lastIndex = at;
  return LETTERS.exec(json)?.[0] ?? '';
}

/** The offset after the JSON text that starts with the quotation mark at `start`. */
function endOfText(json: string, start: number): number {
  let at = start + 1;
  while (at < json.length && json.charCodeAt(at) !== QUOTE) at += json.charCodeAt(at) === BACKSLASH ? 2 : 1;
  return at + 1;
}

/** A metadata item of a raster or a band; undefined when there is none. The name of the default domain is ''. */
export function metadataItem({ metadata }: Described, key: string, domain = ''): string | undefined {
  const items = metadata[domain];
  const value = typeof items === 'object' && items !== null ? (items as Record<string, unknown>)[key] : undefined;
  return typeof value === 'string' ? value : undefined;
}

/**
 * A statistic that GDAL computed, such as MINIMUM; NaN when there is none. GDAL prints 14 digits, which identify a
 * Float32, but not every Float64 and 64-bit integer.
 */
export function statistic(band: BandInfo, name: string): number {
  const text = metadataItem(band, `STATISTICS_${name}`) ?? '';
  if (/^[-+]?inf/i.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  const value = text === '' ? Number.NaN : Number(text);
  return band.type === 'Float32' && /^M(?:IN|AX)IMUM$/.test(name) ? Math.fround(value) : value;
}

/** One image of a file with several: a variable of a netCDF file, or a page of a TIFF. */
export interface Subdataset {
  kind: 'variable' | 'page';
  /** The name of the variable, or the number of the page. */
  layer: string;
  /** The name that GDAL opens. */
  name: string;
}

/**
 * The images of a file with several; empty for a file with one. Names of other drivers or other files are ignored,
 * because GDAL would open them.
 */
export function subdatasets(info: RasterInfo, path: string): Subdataset[] {
  const listed = info.metadata.SUBDATASETS;
  if (typeof listed !== 'object' || listed === null) return [];
  return Object.entries(listed as Record<string, unknown>).flatMap(([key, name]): Subdataset[] => {
    if (!/^SUBDATASET_\d+_NAME$/.test(key) || typeof name !== 'string') return [];
    const variable = `NETCDF:"${path}":`;
    if (name.startsWith(variable)) return [{ kind: 'variable', layer: name.slice(variable.length), name }];
    const page = /^GTIFF_DIR:(\d+):/.exec(name);
    if (page?.[1] === undefined || name.slice(page[0].length) !== path) return [];
    return [{ kind: 'page', layer: page[1], name }];
  });
}

/** Warnings of GDAL's netCDF driver about the last two dimensions when they are not (y, x). */
const NOT_X = /dimension #\d+ \((.+)\) is not a Longitude\/X dimension/;
const NOT_Y = /dimension #\d+ \((.+)\) is not a Latitude\/Y dimension/;

/**
 * Throws GEOREFERENCE_MISSING for a netCDF grid with the dimensions (lon, lat). GDAL would read latitudes as x, or find
 * no georeference.
 */
export function rejectTransposedGrid(info: Pick<RasterInfo, 'metadata'>, stderr: string, file: string): void {
  const [last, secondLast] = [NOT_X.exec(stderr)?.[1], NOT_Y.exec(stderr)?.[1]];
  if (last === undefined || secondLast === undefined) return;
  if (!isAxis(info, last, 'latitude') || !isAxis(info, secondLast, 'longitude')) return;
  throw new SluiceError(
    'GEOREFERENCE_MISSING',
    `The grid of ${file} is transposed: its last two dimensions are ${secondLast}, ${last}; ` +
      `they must be ${last}, ${secondLast}. ` +
      `Change their order (ncpdq -a ${last},${secondLast} IN.nc OUT.nc) and upload the file again.`,
    { details: { file, dimensions: [secondLast, last] } },
  );
}

/** By the CF conventions (4.1, 4.2), else by the name of the dimension. */
function isAxis(info: Pick<RasterInfo, 'metadata'>, dimension: string, axis: 'latitude' | 'longitude'): boolean {
  const direction = axis === 'latitude' ? 'n(?:orth)?' : 'e(?:ast)?';
  return (
    metadataItem(info, `${dimension}#standard_name`) === axis ||
    new RegExp(`^degrees?_?${direction}$`, 'i').test(metadataItem(info, `${dimension}#units`) ?? '') ||
    new RegExp(`^${axis.slice(0, 3)}`, 'i').test(dimension)
  );
}
