import { hex, sortKey, type ValueType } from './stored-types.ts';

const SECONDS_PER_DAY = 86_400n;
const MS_PER_DAY = 86_400_000;
const MAX_BINARY_BYTES = 32;

/** The exact text of a stored value; null for null. */
export function cellText(value: unknown, type: ValueType): string | null {
  if (value === undefined || value === null) return null;
  switch (type.kind) {
    case 'boolean':
      return value ? 'true' : 'false';
    case 'date':
      return dateText(BigInt(value as number));
    case 'timestamp': {
      const { perSecond, utc } = type;
      const ticks = BigInt(value as bigint);
      const perDay = perSecond * SECONDS_PER_DAY;
      const day = floorDivide(ticks, perDay);
      return `${dateText(day)} ${timeText(ticks - day * perDay, perSecond)}${utc ? ' UTC' : ''}`;
    }
    case 'time':
      return timeText(BigInt(value as bigint), type.perSecond);
    case 'decimal':
      return decimalText(BigInt(sortKey(value, type) ?? 0), type.scale);
    case 'float':
      return floatText(value as number);
    case 'uuid':
      return hex(value as Uint8Array).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
    case 'binary': {
      const bytes = value as Uint8Array;
      return `0x${hex(bytes.subarray(0, MAX_BINARY_BYTES))}${bytes.length > MAX_BINARY_BYTES ? '…' : ''}`;
    }
    default:
      return String(sortKey(value, type) ?? NaN);
  }
}

function floorDivide(value: bigint, divisor: bigint): bigint {
  return value / divisor - (value % divisor < 0n ? 1n : 0n);
}

/** ISO 8601 of days since 1970, also for years that Date does not support. */
function dateText(days: bigint): string {
  const date = new Date(Number(days) * MS_PER_DAY);
  if (Number.isNaN(date.getTime())) return `day ${days} since 1970-01-01`;
  return date.toISOString().replace(/T.*/, '');
}

/** For example `09:05:00.25`. The fraction has no zeros at its end. */
function timeText(ticks: bigint, perSecond: bigint): string {
  const seconds = ticks / perSecond;
  const two = (value: bigint) => value.toString().padStart(2, '0');
  const digits = perSecond.toString().length - 1;
  const digitsOfFraction = (ticks % perSecond).toString().padStart(digits, '0');
  const clock = `${two(seconds / 3600n)}:${two((seconds / 60n) % 60n)}:${two(seconds % 60n)}`;
  const last = [...digitsOfFraction].findLastIndex((digit) => digit !== '0');
  return last < 0 ? clock : `${clock}.${digitsOfFraction.slice(0, last + 1)}`;
}

/** `unscaled` × 10^-scale with all digits of the scale. */
export function decimalText(unscaled: bigint, scale: number): string {
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0');
  const sign = unscaled < 0n ? '-' : '';
  return scale === 0 ? sign + digits : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

const MAX_FLOAT_DIGITS = 9;

/** The shortest text that is this 32-bit number. */
function floatText(value: number): string {
  for (let digits = 1; digits < MAX_FLOAT_DIGITS; digits++) {
    const text = Number(value.toPrecision(digits));
    if (Math.fround(text) === value) return String(text);
  }
  return String(value);
}
