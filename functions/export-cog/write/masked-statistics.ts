import { open, type FileHandle, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { GdalCommand } from '#shared/gdal/gdal.ts';
import type { TiffDirectory } from '../read/tiff-directories.ts';
import type { BandInfo, RasterInfo } from '../read/raster-info.ts';
import { type RasterContext, runGdalOn } from '../run-gdal.ts';
import { PIXEL_BYTES } from '../read/pixel-grid.ts';

/**
 * Statistics that GDAL 3.6 computes wrongly: it counts the pixels that a mask hides, and treats integers that are
 * equal to the nodata value as Float32 as nodata. GDAL writes bands and mask as plain values to temporary files, which
 * are read once.
 */

export interface Statistics {
  minimum: number;
  maximum: number;
  mean: number;
  stddev: number;
  valid_percent: number;
}

/** The views of plain values of GDAL's types. The driver ENVI has no 64-bit integers; complex numbers have no order. */
const VIEWS: Record<string, (buffer: ArrayBuffer, length: number) => ArrayLike<number>> = {
  Byte: (buffer, length) => new Uint8Array(buffer, 0, length),
  Int8: (buffer, length) => new Int8Array(buffer, 0, length),
  UInt16: (buffer, length) => new Uint16Array(buffer, 0, length),
  Int16: (buffer, length) => new Int16Array(buffer, 0, length),
  UInt32: (buffer, length) => new Uint32Array(buffer, 0, length),
  Int32: (buffer, length) => new Int32Array(buffer, 0, length),
  Float32: (buffer, length) => new Float32Array(buffer, 0, length),
  Float64: (buffer, length) => new Float64Array(buffer, 0, length),
};
/** Float32 holds all integers up to this one. */
const MAX_FLOAT32_INTEGER = 2 ** 24;
/** Pixels that are read at a time. */
const CHUNK_PIXELS = 2 ** 18;

/**
 * The statistics of each band, null for a band without visible pixels; undefined where those of GDAL are right, and for
 * types that are not supported. A band is masked by the mask of the file, or by an alpha band that is 0; a nodata value
 * replaces the alpha band.
 */
export async function maskedStatistics(
  path: string,
  { info, directories }: { info: RasterInfo; directories: readonly TiffDirectory[] },
  folder: string,
  file: string,
  context: RasterContext,
): Promise<(Statistics | null)[] | undefined> {
  const { bands } = info;
  const hasNodata = bands.some(({ noDataValue }) => noDataValue !== undefined);
  const isMasked = directories.some(({ mask }) => mask) || (bands.some(isAlpha) && !hasNodata);
  if ((!isMasked && !bands.some(hasLargeNodata)) || VIEWS[bands[0]?.type ?? ''] === undefined) return undefined;
  const [values, mask] = [join(folder, 'values.raw'), join(folder, 'mask.raw')];
  await runGdalOn(file, plainCommand(path, values, folder, []), context);
  if (isMasked) await runGdalOn(file, plainCommand(path, mask, folder, ['-b', 'mask', '-ot', 'Byte']), context);
  const statistics = await readStatistics(info, values, isMasked ? mask : undefined, context.signal);
  await Promise.all([values, mask].map((name) => rm(name, { force: true })));
  return statistics;
}

async function readStatistics(
  { bands, size }: RasterInfo,
  values: string,
  mask: string | undefined,
  signal: AbortSignal,
): Promise<(Statistics | null)[]> {
  await using valuesFile = await open(values);
  await using maskFile = mask === undefined ? undefined : await open(mask);
  const statistics: (Statistics | null)[] = [];
  const pixels = size[0] * size[1];
  for (const [index, band] of bands.entries()) {
    signal.throwIfAborted();
    statistics.push(await bandStatistics(valuesFile, maskFile, { band, start: index * pixels, pixels }));
  }
  return statistics;
}

function hasLargeNodata({ type, noDataValue }: BandInfo): boolean {
  return typeof noDataValue === 'number' && /^U?Int32$/.test(type) && Math.abs(noDataValue) > MAX_FLOAT32_INTEGER;
}

function isAlpha({ colorInterpretation }: BandInfo): boolean {
  return colorInterpretation === 'Alpha';
}

/**
 * Writes bands one after the other, in the byte order of this machine. Without INTERLEAVE, GDAL copies the interleaving
 * of the input, and the values of the bands alternate.
 */
function plainCommand(input: string, output: string, folder: string, selection: string[]): GdalCommand {
  return {
    command: 'gdal_translate',
    args: ['-q', '-of', 'ENVI', '-co', 'INTERLEAVE=BSQ', '-mask', 'none', ...selection, input, output],
    drivers: ['GTiff', 'ENVI'],
    folder,
    output,
    environment: { GDAL_PAM_ENABLED: 'NO' },
  };
}

interface BandValues {
  band: BandInfo;
  /** Position of the first value of the band in the file, in pixels. */
  start: number;
  pixels: number;
}

/** Mean and variance are updated by chunk (Chan, Golub, LeVeque 1979), so that large sums lose no digits. */
async function bandStatistics(
  values: FileHandle,
  mask: FileHandle | undefined,
  { band, start, pixels }: BandValues,
): Promise<Statistics | null> {
  const bytes = PIXEL_BYTES[band.type] ?? 1;
  const nodata = typeof band.noDataValue === 'number' ? band.noDataValue : Number.NaN;
  const [valueBuffer, maskBytes] = [Buffer.alloc(CHUNK_PIXELS * bytes), Buffer.alloc(CHUNK_PIXELS, 255)];
  const all: Sums = { count: 0, mean: 0, squares: 0, minimum: Infinity, maximum: -Infinity };
  for (let at = 0; at < pixels; at += CHUNK_PIXELS) {
    const length = Math.min(CHUNK_PIXELS, pixels - at);
    await values.read(valueBuffer, 0, length * bytes, (start + at) * bytes);
    // The mask applies to the colors, not to the alpha band itself.
    if (!isAlpha(band)) await mask?.read(maskBytes, 0, length, at);
    const view = VIEWS[band.type]?.(valueBuffer.buffer, length) ?? [];
    addChunk(all, view, maskBytes, nodata);
  }
  if (all.count === 0) return null;
  return {
    minimum: all.minimum,
    maximum: all.maximum,
    mean: all.mean,
    stddev: Math.sqrt(all.squares / all.count),
    valid_percent: (100 * all.count) / pixels,
  };
}

interface Sums {
  count: number;
  mean: number;
  /** The sum of squared differences from the mean. */
  squares: number;
  minimum: number;
  maximum: number;
}

function addChunk(all: Sums, values: ArrayLike<number>, mask: Uint8Array, nodata: number): void {
  let count = 0;
  let mean = 0;
  let squares = 0;
  for (let index = 0; index < values.length; index += 1) {
    const value = values[index] ?? Number.NaN;
    if (mask[index] === 0 || value === nodata || Number.isNaN(value)) continue;
    count += 1;
    const difference = value - mean;
    mean += difference / count;
    squares += difference * (value - mean);
    if (value < all.minimum) all.minimum = value;
    if (value > all.maximum) all.maximum = value;
  }
  if (count === 0) return;
  const total = all.count + count;
  const difference = mean - all.mean;
  all.squares += squares + (difference * difference * all.count * count) / total;
  all.mean += (difference * count) / total;
  all.count = total;
}
