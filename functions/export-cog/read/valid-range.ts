import type { Note } from '#shared/contracts/facts.ts';
import {
  type BandInfo,
  infoCommand,
  metadataItem,
  parseRasterInfo,
  type RasterInfo,
  statistic,
} from './raster-info.ts';
import type { RasterSource } from './fetch-raster.ts';
import { type RasterContext, runGdalOn } from './run-gdal.ts';

/**
 * The valid range of a netCDF variable (CF conventions 2.5.1). GDAL replaces values outside of it by the nodata value,
 * or by 0 when there is none, without a message.
 */

type Range = readonly [minimum: number, maximum: number];

/** Makes GDAL keep values outside of the valid range. */
const KEEP_VALUES = ['HONOUR_VALID_RANGE=NO'];

export interface ValidRange {
  /** Options of GDAL's driver. */
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
  // gdalinfo prints a range with 3 decimals, and statistics with 14 digits, but takes statistics from the file.
  const hasStatistics = metadataItem(first, 'STATISTICS_MINIMUM') !== undefined;
  const read = hasStatistics ? { range: true } : { statistics: true };
  const command = infoCommand(name, folder, { ...format, openOptions: KEEP_VALUES }, read);
  const { bands } = parseRasterInfo((await runGdalOn(file, command, context)).stdout, file);
  if (!bands.some((band) => isOutside(band, range))) return { openOptions: [], notes: [] };
  const { noDataValue } = first;
  const [minimum, maximum] = range;
  const outcome =
    noDataValue === undefined
      ? 'were kept, because the variable has no nodata value (_FillValue).'
      : `were replaced by the nodata value ${noDataValue}.`;
  return {
    openOptions: noDataValue === undefined ? KEEP_VALUES : [],
    notes: [
      {
        code: 'VALUES_OUTSIDE_VALID_RANGE',
        file,
        message: `Values of ${file} outside of its valid range, ${minimum} to ${maximum}, ${outcome}`,
      },
    ],
  };
}

/** `valid_range`, which GDAL prints as `{10,100}`, or both `valid_min` and `valid_max`. GDAL ignores one of them. */
export function validRange(band: BandInfo): Range | undefined {
  const items = metadataItem(band, 'valid_range')?.replaceAll(/[{}]/g, '').split(',') ?? [
    metadataItem(band, 'valid_min') ?? '',
    metadataItem(band, 'valid_max') ?? '',
  ];
  const [minimum = Number.NaN, maximum = Number.NaN] = items.map((item) =>
    item.trim() === '' ? Number.NaN : Number(item),
  );
  return Number.isNaN(minimum) || Number.isNaN(maximum) ? undefined : [minimum, maximum];
}

/** False for a band without values. */
function isOutside(band: BandInfo, [minimum, maximum]: Range): boolean {
  const { computedMin = statistic(band, 'MINIMUM'), computedMax = statistic(band, 'MAXIMUM') } = band;
  return computedMin < minimum || computedMax > maximum;
}
