import type { z } from 'zod';
import type { Crs } from '#shared/gdal/crs/wkt.ts';
import type { BandSchema, RasterSchema } from '#shared/ledger/documents.ts';
import { type BandInfo, metadataItem, type RasterInfo } from '../read/raster-info.ts';
import type { TiffDirectory } from '../check/tiff-directories.ts';

/** What the asset says of its raster. */
export type RasterSummary = z.infer<typeof RasterSchema>;
type Band = z.infer<typeof BandSchema>;

/** Summarizes the written file: its description with statistics, and its layout as it stands in the file. `crs` is the one that it is in. */
export function summarizeRaster(
  info: RasterInfo,
  directories: readonly TiffDirectory[],
  compression: string,
  crs: Pick<Crs, 'authority'>,
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
    bands: info.bands.map(summarizeBand),
  };
}

function summarizeBand(band: BandInfo): Band {
  return {
    data_type: band.type,
    nodata: band.noDataValue ?? null,
    color_interpretation: band.colorInterpretation === 'Undefined' ? null : (band.colorInterpretation ?? null),
    description: band.description || dimensionsOf(band) || null,
    ...(band.scale === undefined || (band.scale === 1 && (band.offset ?? 0) === 0)
      ? {}
      : { scale: band.scale, offset: band.offset ?? 0 }),
    ...(band.unit ? { unit: band.unit } : {}),
    statistics: statisticsOf(band),
  };
}

/** netCDF: which time, level, … a band is of: `time=36, level=0`. */
function dimensionsOf({ metadata }: BandInfo): string {
  const items = Object.entries((metadata[''] ?? {}) as Record<string, unknown>);
  return items
    .flatMap(([key, value]) =>
      key.startsWith('NETCDF_DIM_') && typeof value === 'string' ? [`${key.slice('NETCDF_DIM_'.length)}=${value}`] : [],
    )
    .join(', ');
}

/** Null for a band without a single value, and for complex numbers, which have no order. */
function statisticsOf(band: BandInfo): Band['statistics'] {
  const [minimum, maximum, mean, stddev, valid_percent] = ['MINIMUM', 'MAXIMUM', 'MEAN', 'STDDEV', 'VALID_PERCENT'].map(
    (name) => Number(metadataItem(band, `STATISTICS_${name}`) ?? Number.NaN),
  );
  if (
    band.type.startsWith('C') ||
    minimum === undefined ||
    maximum === undefined ||
    mean === undefined ||
    stddev === undefined
  )
    return null;
  if (![minimum, maximum, mean, stddev].every(Number.isFinite)) return null;
  return {
    minimum,
    maximum,
    mean,
    stddev,
    valid_percent: valid_percent !== undefined && Number.isFinite(valid_percent) ? valid_percent : 100,
  };
}
