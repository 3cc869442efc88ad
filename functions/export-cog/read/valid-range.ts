import type { Note } from '#shared/contracts/shared-schemas.ts';
import {
  type BandInfo,
  infoCommand,
  metadataItem,
  parseRasterInfo,
  type RasterInfo,
  statistic,
} from './raster-info.ts';
import type { RasterSource } from './fetch-raster.ts';
import { type RasterContext, runGdalOn } from '../run-gdal.ts';

/**
 * The valid range of a netCDF variable (CF conventions 2.5.1). GDAL replaces values outside of it by the nodata value,
 * or by 0 when there is none, without a message.
 */

type Range = readonly [minimum: number, maximum: number];

/** Makes GDAL keep values outside of the valid range. */
const KEEP_VALUES = ['HONOUR_VALID_RANGE=NO'];

export interface ValidRange {
  /** Open options of GDAL's driver for this file. */
  openOptions: string[];
  notes: Note[];
}

/** Reads the pixels of a variable with a valid range, to note values outside of it. Other rasters are not read. */
export async function readValidRange(
  name: string,
  info: RasterInfo,
  { file, format }: RasterSource,
  folder: string,
  context: RasterContext,
): Promise<ValidRange> {
  const [first] = info.bands;
  const range = first === undefined || info.driverShortName !== 'netCDF' ? undefined : validRange(first);
  if (first === undefined || range === undefined) return { openOptions: [], notes: [] };
  // gdalinfo prints a range with 3 decimals, and statistics with 14 digits, but reads statistics from the file.
  const hasStatistics = metadataItem(first, 'STATISTICS_MINIMUM') !== undefined;
  const read = hasStatistics ? { range: true } : { statistics: true };
  const command = infoCommand(name, folder, { ...format, openOptions: KEEP_VALUES }, read);
  const { bands } = parseRasterInfo((await runGdalOn(file, command, context)).stdout, file);
  if (!bands.some((band) => isOutside(band, range))) return { openOptions: [], notes: [] };
  const { noDataValue } = first;
  const [minimum, maximum] = range;
  const isOpen = !Number.isFinite(minimum) || !Number.isFinite(maximum);
  const outcome = isOpen
    ? 'were kept, because GDAL does not use one limit without the other.'
    : noDataValue === undefined
      ? 'were kept, because the variable has no nodata value (_FillValue).'
      : `were replaced by the nodata value ${noDataValue}.`;
  const limits = isOpen ? describeOpen(range) : `${minimum} to ${maximum}`;
  return {
    openOptions: noDataValue === undefined ? KEEP_VALUES : [],
    notes: [
      {
        code: 'VALUES_OUTSIDE_VALID_RANGE',
        file,
        message: `Values of ${file} outside of its valid range, ${limits}, ${outcome}`,
      },
    ],
  };
}

/** A range with one limit, as text for a message. */
function describeOpen([minimum, maximum]: Range): string {
  return Number.isFinite(minimum) ? `from ${minimum}` : `up to ${maximum}`;
}

/** `valid_range`, which GDAL prints as `{10,100}`, or `valid_min` and `valid_max`, of which one can be missing. */
export function validRange(band: BandInfo): Range | undefined {
  const items = metadataItem(band, 'valid_range')?.replaceAll(/[{}]/g, '').split(',') ?? [
    metadataItem(band, 'valid_min') ?? '-Infinity',
    metadataItem(band, 'valid_max') ?? 'Infinity',
  ];
  const [minimum = Number.NaN, maximum = Number.NaN] = items.map((item) =>
    item.trim() === '' ? Number.NaN : Number(item),
  );
  const isRange = !Number.isNaN(minimum) && !Number.isNaN(maximum);
  return isRange && (Number.isFinite(minimum) || Number.isFinite(maximum)) ? [minimum, maximum] : undefined;
}

/** False for a band without values. */
function isOutside(band: BandInfo, [minimum, maximum]: Range): boolean {
  const { computedMin = statistic(band, 'MINIMUM'), computedMax = statistic(band, 'MAXIMUM') } = band;
  return computedMin < minimum || computedMax > maximum;
}
