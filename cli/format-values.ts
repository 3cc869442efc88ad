import { printable } from './terminal.ts';

const SIZE_UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB'];

/** `1.2 MB`; decimal units, as disks have them. */
export function formatBytes(bytes: number): string {
  const power = Math.min(bytes < 1000 ? 0 : Math.floor(Math.log10(bytes) / 3), SIZE_UNITS.length - 1);
  return `${power === 0 ? bytes : (bytes / 1000 ** power).toFixed(1)} ${SIZE_UNITS[power]}`;
}

/** `0.62 s`, `12.3 s`, `2 min 5 s`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(2)} s`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return whole < 3600 ? `${Math.floor(whole / 60)} min ${whole % 60} s` : `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** `1,234,567`. */
export function formatCount(count: number): string {
  return count.toLocaleString('en');
}

/** `2025-03-01 10:15:30`, in UTC as the ledger has it. */
export function formatTime(iso: string): string {
  return iso.slice(0, 19).replace('T', ' ');
}

/** Rows as a table with aligned columns, the first row as its head. */
export function formatTable(rows: string[][]): string {
  const clean = rows.map((row) => row.map(printable));
  const widths = (clean[0] ?? []).map((_, column) => Math.max(...clean.map((row) => displayWidth(row[column] ?? ''))));
  return clean.map((row) => row.map((value, column) => value + ' '.repeat((widths[column] ?? 0) - displayWidth(value))).join('  ').trimEnd()).join('\n');
}

const SEGMENTS = new Intl.Segmenter();

/** Columns that a text takes on a terminal: emoji and East Asian characters take two. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const { segment } of SEGMENTS.segment(text)) width += WIDE.test(segment) ? 2 : 1;
  return width;
}

const WIDE = /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/u;
