import { isNumeric, sortKey, type ValueType } from '../parquet/stored-types.ts';
import type { RowQuery } from './messages.ts';

type Filter = NonNullable<RowQuery['filter']>;

/** Whether a stored value matches a filter. Numbers are compared as numbers, all other values as the shown text. */
export function matcher(
  { operator, text }: Filter,
  type: ValueType,
  textOf: (value: unknown) => string | null,
): (value: unknown) => boolean {
  const isNull = (value: unknown) => value === undefined || value === null;
  if (operator === 'is empty') return isNull;
  if (operator === 'is not empty') return (value) => !isNull(value);
  const wanted = text.trim();
  if (operator === 'contains') {
    const part = wanted.toLowerCase();
    return (value) => textOf(value)?.toLowerCase().includes(part) ?? false;
  }
  const compare = isNumeric(type) ? numberComparison(wanted, type, textOf) : textComparison(wanted, textOf);
  const accepts = {
    equals: (c: number) => c === 0,
    'at least': (c: number) => c >= 0,
    'at most': (c: number) => c <= 0,
  };
  return (value) => {
    const compared = isNull(value) ? undefined : compare(value);
    return compared !== undefined && accepts[operator](compared);
  };
}

type Comparison = (value: unknown) => number | undefined;

function order<T extends string | number | bigint>(a: T, b: string | number | bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function textComparison(wanted: string, textOf: (value: unknown) => string | null): Comparison {
  return (value) => order(textOf(value) ?? '', wanted);
}

/** Undefined if either is not a number. Integers and decimals are compared exactly. */
function numberComparison(wanted: string, type: ValueType, textOf: (value: unknown) => string | null): Comparison {
  const scale = type.kind === 'decimal' ? type.scale : 0;
  const exact = type.kind === 'double' || type.kind === 'float' ? undefined : unscaled(wanted, scale);
  const number = wanted === '' ? NaN : Number(wanted);
  if (Number.isNaN(number)) return () => undefined;
  return (value) => {
    const key = sortKey(value, type);
    if (key === undefined) return undefined;
    return exact === undefined ? order(Number(textOf(value)), number) : order(BigInt(key), exact);
  };
}

/** The number times 10^scale; undefined if it has more digits or is not written plainly. */
function unscaled(text: string, scale: number): bigint | undefined {
  const match = /^([+-]?)(\d+)(?:\.(\d*))?$/.exec(text);
  if (!match) return undefined;
  const [, sign = '', whole = '', fraction = ''] = match;
  if (/[1-9]/.test(fraction.slice(scale))) return undefined;
  const value = BigInt(whole + fraction.slice(0, scale).padEnd(scale, '0'));
  return sign === '-' ? -value : value;
}
