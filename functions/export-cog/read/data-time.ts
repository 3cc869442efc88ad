import type { DataTime } from '#shared/contracts/shared-schemas.ts';
import { type BandInfo, metadataItem, type RasterInfo } from './raster-info.ts';

/** The time of the data, from the metadata of GRIB, netCDF and TIFF files. Times are ISO 8601 in UTC. */

type Described = Pick<RasterInfo, 'metadata' | 'bands'>;

/** The period that all rasters of an asset cover; undefined when one of them contains no time. */
export function dataTime(rasters: readonly Described[]): DataTime | undefined {
  const times = rasters.map(rasterTime);
  const [first, ...others] = times;
  if (first === undefined) return undefined;
  return others.reduce<DataTime | undefined>(
    (all, time) => all && time && { ...all, start: min([all.start, time.start]), end: max([all.end, time.end]) },
    first,
  );
}

function rasterTime(info: Described): DataTime | undefined {
  const bands = info.bands.map((band) => bandTime(band, info));
  const [first] = bands;
  if (first !== undefined && bands.every((time) => time !== undefined)) {
    const isGrib = info.bands.some((band) => metadataItem(band, 'GRIB_VALID_TIME') !== undefined);
    return { start: min(bands), end: max(bands), source: isGrib ? 'GRIB_VALID_TIME' : 'netCDF time' };
  }
  return coverageTime(info) ?? tiffTime(info);
}

/** The time of one band; undefined when the file contains none. */
export function bandTime(band: Pick<BandInfo, 'metadata'>, { metadata }: Pick<RasterInfo, 'metadata'>) {
  const seconds = /^\s*(-?\d+)/.exec(metadataItem(band, 'GRIB_VALID_TIME') ?? '')?.[1];
  if (seconds !== undefined) return isoTime(Number(seconds) * MS.second);
  for (const key of Object.keys(band.metadata[''] ?? {})) {
    const dimension = /^NETCDF_DIM_(.+)$/.exec(key)?.[1];
    if (dimension === undefined) continue;
    const units = metadataItem({ metadata }, `${dimension}#units`) ?? '';
    const calendar = metadataItem({ metadata }, `${dimension}#calendar`);
    const time = cfTime(Number(metadataItem(band, key)), units, calendar);
    if (time !== undefined) return time;
  }
  return undefined;
}

/** Names of units in the library UDUNITS, which the conventions use. Months and years have no fixed length. */
const UNIT_NAMES: [names: RegExp, unit: keyof typeof MS][] = [
  [/^(?:s|secs?|seconds?)$/i, 'second'],
  [/^(?:min|mins|minutes?)$/i, 'minute'],
  [/^(?:h|hrs?|hours?)$/i, 'hour'],
  [/^(?:d|days?)$/i, 'day'],
];
const MS = { second: 1000, minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const;
/** The units of a time axis of CF, such as `hours since 1900-01-01 00:00:0.0`. */
const CF_UNITS =
  /^([a-z]+) since (\d{1,4})-(\d{1,2})-(\d{1,2})(?:[T ](\d{1,2}):(\d{1,2})(?::([\d.]+))?)? ?(?:Z|UTC|GMT|\+00:00)?$/i;
/** Calendars whose times are times of UTC. Others, such as 360_day, have days that do not exist in UTC. */
const STANDARD_CALENDARS = new Set(['standard', 'gregorian']);
const PROLEPTIC = 'proleptic_gregorian';
/** The first day of the Gregorian calendar. The standard calendar of CF is the Julian one before it. */
const GREGORIAN_START = Date.UTC(1582, 9, 15);

/** A value of a time coordinate by the CF conventions (4.4); undefined for other units and calendars. */
export function cfTime(value: number, units: string, calendar = 'standard'): string | undefined {
  const [, unitName = '', year, month, day, hour, minute, second] = CF_UNITS.exec(oneLine(units)) ?? [];
  const name = calendar.toLowerCase();
  const isStandard = STANDARD_CALENDARS.has(name);
  const unit = UNIT_NAMES.find(([names]) => names.test(unitName))?.[1];
  if (!Number.isFinite(value) || unit === undefined || (!isStandard && name !== PROLEPTIC)) return undefined;
  const [y, m, d] = [Number(year), Number(month), Number(day)];
  const gregorian = utcDay(y, m, d);
  const epoch = isStandard && gregorian < GREGORIAN_START ? julianDay(y, m, d) : gregorian;
  const timeOfDay = Number(hour ?? 0) * MS.hour + Number(minute ?? 0) * MS.minute + Number(second ?? 0) * MS.second;
  const time = epoch + timeOfDay + value * MS[unit];
  return isStandard && time < GREGORIAN_START ? undefined : isoTime(time);
}

function oneLine(text: string): string {
  return text.trim().split(/\s+/).join(' ');
}

/** Date.UTC reads years below 100 as years of the 20th century. */
function utcDay(year: number, month: number, day: number): number {
  return new Date(0).setUTCFullYear(year, month - 1, day);
}

/** The day of a date in the Julian calendar: 2 days less than in the Gregorian one in year 1, and 10 more in 1582. */
function julianDay(year: number, month: number, day: number): number {
  const century = Math.floor((month <= 2 ? year - 1 : year) / 100);
  return utcDay(year, month, day) + (century - Math.floor(century / 4) - 2) * MS.day;
}

/** `time_coverage_start` and `time_coverage_end` of the conventions ACDD. */
function coverageTime(info: Described): DataTime | undefined {
  const [start, end] = ['start', 'end'].map((name) => utcText(metadataItem(info, `NC_GLOBAL#time_coverage_${name}`)));
  if (start === undefined || end === undefined || start > end) return undefined;
  return { start, end, source: 'time_coverage_start' };
}

/** ISO 8601 with an offset. A time without an offset is a time of UTC in ACDD. */
function utcText(text = ''): string | undefined {
  const [, date, time = '00:00:00', offset = 'Z'] =
    /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?))?\s*(Z|[+-]\d{2}:\d{2})?$/.exec(text.trim()) ?? [];
  return date === undefined ? undefined : isoTime(Date.parse(`${date}T${time}${offset}`));
}

/** TIFF's DateTime (tag 306) has no offset; it is read as UTC, which the source of the time records. */
function tiffTime(info: Described): DataTime | undefined {
  const [, year, month, day, time] =
    /^(\d{4})[:-](\d{2})[:-](\d{2})[T ](\d{2}:\d{2}:\d{2})/.exec(metadataItem(info, 'TIFFTAG_DATETIME') ?? '') ?? [];
  if (year === undefined) return undefined;
  const start = isoTime(Date.parse(`${year}-${month}-${day}T${time}Z`));
  return start === undefined ? undefined : { start, end: start, source: 'TIFFTAG_DATETIME, as UTC' };
}

/** Undefined outside of the years 1 to 9999, which RFC 3339 can write. */
function isoTime(ms: number): string | undefined {
  const time = new Date(Math.round(ms));
  const year = time.getUTCFullYear();
  return year >= 1 && year <= 9999 ? time.toISOString() : undefined;
}

/** Texts of ISO 8601 in UTC sort by time. */
function min(times: readonly string[]): string {
  return times.reduce((a, b) => (a < b ? a : b));
}

function max(times: readonly string[]): string {
  return times.reduce((a, b) => (a > b ? a : b));
}
