import { open } from 'node:fs/promises';
import type { z } from 'zod';
import type { Crs } from '#shared/gdal/crs/crs.ts';
import type { BandSchema, RasterSchema } from '#shared/ledger/documents.ts';
import { readBytesAt } from '#shared/streams/file-streams.ts';
import { bandTime } from '../read/data-time.ts';
import { readTiffDirectories, type TiffDirectory } from '../read/tiff-directories.ts';
import { type BandInfo, metadataItem, type RasterInfo, statistic } from '../read/raster-info.ts';

/** The field `raster` of the asset document. */
export type RasterSummary = z.infer<typeof RasterSchema>;
type Band = z.infer<typeof BandSchema>;

/** Summarizes the written file from its gdalinfo with statistics, its TIFF directories, and its CRS. */
export function summarizeRaster(
  info: RasterInfo,
  directories: readonly TiffDirectory[],
  compression: string,
  crs: Pick<Crs, 'authority'>,
  source: Pick<RasterInfo, 'metadata' | 'bands'>,
): RasterSummary {
  const [width, height] = info.size;
  const [full, ...overviews] = directories.filter((directory) => !directory.mask);
  const [, pixelWidth = 0, , , , pixelHeight = 0] = info.geoTransform ?? [];
  return {
    width,
    height,
    resolution: [Math.abs(pixelWidth), Math.abs(pixelHeight)],
    block_size: [full?.tileWidth ?? 0, full?.tileHeight ?? 0],
    overviews: overviews.map((overview) => Math.round(width / overview.width)),
    compression,
    ...(crs.authority === undefined && info.coordinateSystem !== undefined
      ? { crs_wkt2: info.coordinateSystem.wkt }
      : {}),
    bands: info.bands.map((band, index) => summarizeBand(band, source, index)),
  };
}

/** `source` is the raster that the asset was made from. Its metadata also describes the bands of a warped asset. */
function summarizeBand(band: BandInfo, source: Pick<RasterInfo, 'metadata' | 'bands'>, index: number): Band {
  const original = source.bands[index] ?? band;
  const time = bandTime(original, source);
  const unit = band.unit || gribUnit(original);
  const isScaled = band.scale !== undefined && (band.scale !== 1 || (band.offset ?? 0) !== 0);
  return {
    data_type: band.type,
    nodata: band.noDataValue ?? null,
    color_interpretation: band.colorInterpretation === 'Undefined' ? null : (band.colorInterpretation ?? null),
    description: gribDescription(original, time) || band.description || netcdfDimensions(original) || null,
    ...(isScaled ? { scale: band.scale, offset: band.offset ?? 0 } : {}),
    ...(unit ? { unit } : {}),
    ...(time === undefined ? {} : { time }),
    statistics: statisticsOf(band),
  };
}

/** GRIB units are in brackets; `[-]` is a number without unit. */
function gribUnit(band: BandInfo): string | undefined {
  const unit = metadataItem(band, 'GRIB_UNIT')?.replace(/^\[(.*)\]$/, '$1');
  return unit === '-' ? undefined : unit;
}

/** Element, level and time, for example `Temperature, 1000[hPa] ISBL (Isobaric surface), 2017-10-18T12:00:00Z`. */
function gribDescription(band: BandInfo, time: string | undefined): string | undefined {
  const comment = metadataItem(band, 'GRIB_COMMENT') ?? metadataItem(band, 'GRIB_ELEMENT');
  if (comment === undefined) return undefined;
  const unit = metadataItem(band, 'GRIB_UNIT');
  const element = unit !== undefined && comment.endsWith(` ${unit}`) ? comment.slice(0, -unit.length - 1) : comment;
  return [element, band.description, time?.replace('.000Z', 'Z')].filter((part) => part).join(', ');
}

/** The dimensions of a netCDF band, for example `time=36, level=0`. */
function netcdfDimensions({ metadata }: BandInfo): string {
  const items = Object.entries((metadata[''] ?? {}) as Record<string, unknown>);
  return items
    .flatMap(([key, value]) =>
      key.startsWith('NETCDF_DIM_') && typeof value === 'string' ? [`${key.slice('NETCDF_DIM_'.length)}=${value}`] : [],
    )
    .join(', ');
}

/** Null for a band without values, and for complex numbers, which have no order. */
function statisticsOf(band: BandInfo): Band['statistics'] {
  if (band.type.startsWith('C')) return null;
  const [minimum, maximum] = [statistic(band, 'MINIMUM'), statistic(band, 'MAXIMUM')];
  const [mean, stddev] = [statistic(band, 'MEAN'), statistic(band, 'STDDEV')];
  if (![minimum, maximum, mean, stddev].every(Number.isFinite)) return null;
  const validPercent = statistic(band, 'VALID_PERCENT');
  return { minimum, maximum, mean, stddev, valid_percent: Number.isFinite(validPercent) ? validPercent : 100 };
}

/** One item of GDAL's metadata in a TIFF. Its text is escaped, so that it contains no `<`. */
const STATISTICS_ITEM = /<Item name="STATISTICS_[^>]*>[^<]*<\/Item>/gi;

/** Replaces the statistics in GDAL's metadata by spaces, so that the length does not change. */
export function blankStatistics(metadata: string): string {
  return metadata.replaceAll(STATISTICS_ITEM, (item) => ' '.repeat(item.length));
}

/**
 * Removes the statistics that gdal_translate copied from the source. They can be estimates, or be computed with another
 * nodata value, and GDAL would use them instead of the pixels. GDAL has no option that omits only them. The positions
 * of all other bytes do not change.
 */
export async function clearStatistics(path: string): Promise<void> {
  await using file = await open(path, 'r+');
  for (const { gdalMetadata } of (await readTiffDirectories(file)) ?? []) {
    if (gdalMetadata === undefined) continue;
    const { offset, length } = gdalMetadata;
    const text = (await readBytesAt(file, offset, length)).toString('latin1'); // One character per byte.
    const cleared = blankStatistics(text);
    if (cleared !== text) await file.write(Buffer.from(cleared, 'latin1'), 0, length, offset);
  }
}
