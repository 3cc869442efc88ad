/** The formats of amounts and times in the output of the command line and `npm start`. */

const SIZE_UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB'];

/** A size in decimal units, such as `1.2 MB`. */
export function formatBytes(bytes: number): string {
  const power = Math.min(bytes < 1000 ? 0 : Math.floor(Math.log10(bytes) / 3), SIZE_UNITS.length - 1);
  return `${power === 0 ? bytes : (bytes / 1000 ** power).toFixed(1)} ${SIZE_UNITS[power]}`;
}

/** `0.62 s`, `12.3 s`, `2 min 5 s`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(2)} s`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return whole < 3600
    ? `${Math.floor(whole / 60)} min ${whole % 60} s`
    : `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** A whole number with separators of thousands, such as `1,234,567`. */
export function formatCount(count: number): string {
  return count.toLocaleString('en');
}

/** A time in UTC, such as `2025-03-01 10:15:30`. */
export function formatTime(iso: string): string {
  return iso.slice(0, 19).replace('T', ' ');
}

/** A number with its noun, such as `1 feature` or `2 features`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
