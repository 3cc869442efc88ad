import type { Note } from '#shared/contracts/shared-schemas.ts';
import { listNames } from '#shared/text/list-names.ts';
import type { DescribedRaster } from '../read/describe-raster.ts';
import { type RasterInfo, statistic } from '../read/raster-info.ts';
import type { RasterSummary } from './summarize-raster.ts';

/**
 * Domains that describe the file and its driver, including the georeference of JPEG2000. Those of GRIB and of
 * curvilinear grids are in the asset document.
 */
const OF_DRIVERS = /^(?:IMAGE_STRUCTURE|SUBDATASETS|DERIVED_SUBDATASETS|GRIB|GEOLOCATION|xml:gml\..*|)$/;
/** Names of domains in a note. */
const LISTED_DOMAINS = 6;

/** A note about domains of metadata that the source has and the written file does not have. GDAL copies only some. */
export function metadataNotes({ info, source: { file } }: DescribedRaster, written: RasterInfo): Note[] {
  const kept = domainsOf(written);
  const lost = [...domainsOf(info)].filter((domain) => !kept.has(domain) && !OF_DRIVERS.test(domain));
  if (lost.length === 0) return [];
  const names = lost.map((domain) => JSON.stringify(domain));
  return [
    {
      code: 'METADATA_DROPPED',
      file,
      message:
        `${file} has metadata in the domains ${listNames(names, LISTED_DOMAINS)}, which GDAL does not ` +
        'copy to the asset. Pixel values are not affected.',
    },
  ];
}

/** The domains of a raster and its bands. */
function domainsOf({ metadata, bands }: Pick<RasterInfo, 'metadata' | 'bands'>): Set<string> {
  return new Set(
    [metadata, ...bands.map((band) => band.metadata)].flatMap(({ metadataDomains }) => listOf(metadataDomains)),
  );
}

function listOf(domains: unknown): string[] {
  return Array.isArray(domains) ? domains.filter((domain) => typeof domain === 'string') : [];
}

/** GDAL prints statistics with 14 digits. */
const MAX_PRINTED_INTEGER = 1e14;
/** Largest number of bands that a message lists. */
const LISTED_BANDS = 6;

/** Notes about bands whose statistics are rounded or missing. `info` has the statistics of GDAL. */
export function statisticsNotes({ bands }: RasterSummary, info: Pick<RasterInfo, 'bands'>): Note[] {
  const rounded = bands.map(
    ({ data_type, statistics }) =>
      /^U?Int64$/.test(data_type) &&
      statistics !== null &&
      Math.max(Math.abs(statistics.minimum), Math.abs(statistics.maximum)) > MAX_PRINTED_INTEGER,
  );
  const missing = bands.map(({ statistics }, index) => {
    const band = info.bands[index];
    return statistics === null && band !== undefined && !band.type.startsWith('C') && hasPixels(band);
  });
  return [
    ...noteAbout(
      rounded,
      'STATISTICS_ROUNDED',
      'has integers of more than 14 digits. GDAL computes their statistics as doubles, and rounds them to 14 digits. ' +
        'The pixels are exact.',
    ),
    ...noteAbout(
      missing,
      'STATISTICS_MISSING',
      'has no statistics, because it has infinite values, or values too large to add. The pixels are exact.',
    ),
  ];
}

function hasPixels(band: RasterInfo['bands'][number]): boolean {
  return !Number.isNaN(statistic(band, 'MINIMUM'));
}

function noteAbout(isAffected: readonly boolean[], code: string, problem: string): Note[] {
  const numbers = isAffected.flatMap((affected, index) => (affected ? [index + 1] : []));
  const [first] = numbers;
  if (first === undefined) return [];
  const subject = numbers.length === 1 ? `Band ${first}` : `Each of the bands ${listNames(numbers, LISTED_BANDS)}`;
  return [{ code, message: `${subject} ${problem}` }];
}
