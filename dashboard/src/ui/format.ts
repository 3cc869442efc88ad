/** Numbers, sizes and durations as text, in the words of the command line. */

const COUNT = new Intl.NumberFormat('en-US');

export function count(value: number): string {
  return COUNT.format(value);
}

/** For example: `1 run`, `2 runs`. */
export function counted(value: number, singular: string, plural = `${singular}s`): string {
  return `${count(value)} ${value === 1 ? singular : plural}`;
}

const BYTES_PER_UNIT = 1_000;
const BYTE_UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB'];

/** For example: `12.3 MB`. Units are powers of 1000. */
export function bytes(value: number): string {
  let amount = value;
  let unit = 0;
  for (; amount >= BYTES_PER_UNIT && unit < BYTE_UNITS.length - 1; unit++) amount /= BYTES_PER_UNIT;
  return `${unit === 0 ? amount : amount.toFixed(amount < 10 ? 2 : 1)} ${BYTE_UNITS[unit]}`;
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;

/** For example: `85 ms`, `2.4 s`, `3 min 5 s`, `2 h 10 min`. */
export function duration(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < MINUTE) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)} min ${Math.floor(seconds % MINUTE)} s`;
  return `${Math.floor(seconds / HOUR)} h ${Math.floor((seconds % HOUR) / MINUTE)} min`;
}

const RELATIVE = new Intl.RelativeTimeFormat('en-US', { numeric: 'auto', style: 'long' });
const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 24 * HOUR],
  ['hour', HOUR],
  ['minute', MINUTE],
];
const DATE = new Intl.DateTimeFormat('en-US', { dateStyle: 'medium' });
const MAX_RELATIVE_DAYS = 30;

/** For example: `just now`, `5 minutes ago`, `yesterday`; a date if it is older than a month. */
export function relativeTime(time: string, now: number): string {
  const seconds = (Date.parse(time) - now) / 1000;
  if (Math.abs(seconds) < MINUTE) return seconds > 1 ? 'in a moment' : 'just now';
  if (Math.abs(seconds) > MAX_RELATIVE_DAYS * 24 * HOUR) return DATE.format(new Date(time));
  const [unit, length] = UNITS.find(([, each]) => Math.abs(seconds) >= each) ?? ['minute', MINUTE];
  return RELATIVE.format(Math.trunc(seconds / length), unit);
}

const EXACT = new Intl.DateTimeFormat('en-US', { dateStyle: 'full', timeStyle: 'long' });

/** With seconds and time zone. */
export function exactTime(time: string): string {
  return EXACT.format(new Date(time));
}
