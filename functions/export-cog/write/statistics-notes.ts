import type { Note } from '#shared/contracts/facts.ts';
import { type RasterInfo, statistic } from '../read/raster-info.ts';
import type { RasterSummary } from './summarize-raster.ts';

/** GDAL prints statistics with 14 digits. */
const MAX_PRINTED_INTEGER = 1e14;
/** Bands that a message lists. */
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
  const listed = numbers.slice(0, LISTED_BANDS).join(', ');
  const more = numbers.length > LISTED_BANDS ? ` and ${numbers.length - LISTED_BANDS} more` : '';
  const subject = numbers.length === 1 ? `Band ${first}` : `Each of the bands ${listed}${more}`;
  return [{ code, message: `${subject} ${problem}` }];
}
