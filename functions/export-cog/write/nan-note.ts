import { open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Note } from '#shared/contracts/shared-schemas.ts';
import type { GdalCommand } from '#shared/gdal/gdal.ts';
import { JoinedSignal } from '#shared/signals/joined-signal.ts';
import { formatCount } from '#shared/text/amounts.ts';
import type { DescribedRaster } from '../read/describe-raster.ts';
import type { RasterSource } from '../read/fetch-raster.ts';
import { metadataItem, type RasterInfo } from '../read/raster-info.ts';
import { type RasterContext, runGdalOn } from '../run-gdal.ts';

/**
 * GDAL's driver for netCDF reads NaN as the nodata value, without a message. Its multidimensional driver reads NaN as
 * such, but gdal_translate and gdalwarp do not use it. So the values are copied with it to a temporary Zarr array,
 * whose chunks are plain numbers, and the NaN in them are counted.
 */

/** gdalmdimtranslate needs the VRT driver to copy one variable. The sandbox disables it, so all are copied. */
const MAX_VARIABLES = 4;

/**
 * A note that counts the NaN that became nodata. `written` is the asset with statistics: when no pixel of it is missing
 * in any band, the file has no NaN, and is not read again.
 */
export async function notANumberNotes(
  raster: DescribedRaster,
  written: Pick<RasterInfo, 'bands'>,
  folder: string,
  context: RasterContext,
): Promise<Note[]> {
  const { info, source } = raster;
  const [band] = info.bands;
  const isAffected =
    info.driverShortName === 'netCDF' && /^Float/.test(band?.type ?? '') && band?.noDataValue !== 'nan';
  const isComplete = written.bands.every((one) => metadataItem(one, 'STATISTICS_VALID_PERCENT') === '100');
  if (band?.noDataValue === undefined || !isAffected || isComplete) return [];
  const count = await countNotANumber(raster, join(folder, 'values.zarr'), context);
  if (count === 0) return [];
  const subject = count === undefined ? 'NaN, if it has any,' : `${formatCount(count)} NaN`;
  return [
    {
      code: 'NAN_REPLACED',
      file: source.file,
      message:
        `${subject} of ${source.file} became the nodata value ${band.noDataValue}, because GDAL reads NaN ` +
        'of netCDF as missing values.',
    },
  ];
}

const SIZE_CHECK_MS = 500;

/** Undefined when the variable cannot be read in this way, or the file has many. */
async function countNotANumber(
  raster: DescribedRaster,
  output: string,
  context: RasterContext,
): Promise<number | undefined> {
  const { info, layer, images, source } = raster;
  const variable = layer ?? (info.bands[0] && metadataItem(info.bands[0], 'NETCDF_VARNAME'));
  if (variable === undefined || images > MAX_VARIABLES) return undefined;
  try {
    await copyWithin(context.env.MAX_FILE_BYTES, source, output, context);
    return await countInArray(join(output, ...variable.split('/')), context.signal);
  } catch {
    // The asset is complete, so no error but an abort may end the run.
    context.signal.throwIfAborted();
    return undefined;
  } finally {
    await rm(output, { recursive: true, force: true });
  }
}

/** Copies all variables. Ends when they take more than `maxBytes`: compressed variables can be much larger. */
async function copyWithin(
  maxBytes: number,
  source: RasterSource,
  output: string,
  context: RasterContext,
): Promise<void> {
  const tooLarge = new AbortController();
  using joined = new JoinedSignal([context.signal, tooLarge.signal]);
  const check = async () => {
    if ((await bytesBelow(output)) > maxBytes) tooLarge.abort();
  };
  const timer = setInterval(() => void check().catch(() => undefined), SIZE_CHECK_MS);
  try {
    await runGdalOn(source.file, zarrCommand(source, output), { ...context, signal: joined.signal });
  } finally {
    clearInterval(timer);
  }
}

async function bytesBelow(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size;
  return bytes;
}

function zarrCommand({ path, format }: RasterSource, output: string): GdalCommand {
  return {
    command: 'gdalmdimtranslate',
    args: ['-q', '-if', 'netCDF', '-of', 'Zarr', '-co', 'FORMAT=ZARR_V2', '-co', 'ARRAY:COMPRESS=NONE', path, output],
    drivers: [...format.drivers, 'Zarr'],
    folder: dirname(output),
    output,
  };
}

/** The NaN in the chunks of an array. The padding of the last chunks is the fill value. */
async function countInArray(folder: string, signal: AbortSignal): Promise<number | undefined> {
  const { dtype } = JSON.parse(await readFile(join(folder, '.zarray'), 'utf8')) as { dtype: string };
  const bytes = /^<f([48])$/.exec(dtype)?.[1];
  if (bytes === undefined) return undefined;
  let count = 0;
  for (const name of await readdir(folder)) {
    signal.throwIfAborted();
    if (/^\d+(?:\.\d+)*$/.test(name)) count += await countInFile(join(folder, name), bytes === '8' ? 8 : 4);
  }
  return count;
}

/** Bytes of one read: a multiple of 8. */
const READ_BYTES = 2 ** 20;

async function countInFile(path: string, bytes: 4 | 8): Promise<number> {
  await using file = await open(path);
  const buffer = Buffer.alloc(READ_BYTES);
  let count = 0;
  for (let at = 0; ;) {
    const { bytesRead } = await file.read(buffer, 0, READ_BYTES, at);
    const length = Math.floor(bytesRead / bytes);
    if (length === 0) return count;
    const { buffer: memory, byteOffset } = buffer;
    const values =
      bytes === 8 ? new Float64Array(memory, byteOffset, length) : new Float32Array(memory, byteOffset, length);
    for (const value of values) if (Number.isNaN(value)) count += 1;
    at += length * bytes;
  }
}
