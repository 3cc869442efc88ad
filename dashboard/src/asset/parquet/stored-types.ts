import type { SchemaElement } from 'hyparquet';

/** What the stored values of a column mean. */
export type ValueType =
  | { kind: 'boolean' | 'integer' | 'double' | 'float' | 'date' | 'text' | 'uuid' | 'binary' }
  | { kind: 'unsigned'; bits: number }
  | { kind: 'decimal'; scale: number }
  /** `perSecond`: 1e3, 1e6 or 1e9. */
  | { kind: 'timestamp'; perSecond: bigint; utc: boolean }
  | { kind: 'time'; perSecond: bigint };

const PER_SECOND = { MILLIS: 1_000n, MICROS: 1_000_000n, NANOS: 1_000_000_000n };

export function valueType(element: SchemaElement): ValueType {
  const { type, converted_type: converted, logical_type: logical } = element;
  if (logical?.type === 'TIMESTAMP')
    return { kind: 'timestamp', perSecond: PER_SECOND[logical.unit], utc: logical.isAdjustedToUTC };
  if (logical?.type === 'TIME') return { kind: 'time', perSecond: PER_SECOND[logical.unit] };
  if (logical?.type === 'UUID') return { kind: 'uuid' };
  if (logical?.type === 'INTEGER' && !logical.isSigned) return { kind: 'unsigned', bits: logical.bitWidth };
  switch (converted) {
    case 'DECIMAL':
      return { kind: 'decimal', scale: element.scale ?? 0 };
    case 'DATE':
      return { kind: 'date' };
    case 'TIMESTAMP_MILLIS':
    case 'TIMESTAMP_MICROS':
      return { kind: 'timestamp', perSecond: converted === 'TIMESTAMP_MILLIS' ? 1_000n : 1_000_000n, utc: true };
    case 'TIME_MILLIS':
    case 'TIME_MICROS':
      return { kind: 'time', perSecond: converted === 'TIME_MILLIS' ? 1_000n : 1_000_000n };
    case 'UINT_64':
      return { kind: 'unsigned', bits: 64 };
    case 'UINT_32':
      return { kind: 'unsigned', bits: 32 };
    case 'UTF8':
    case 'JSON':
    case 'ENUM':
      return { kind: 'text' };
    default:
      break;
  }
  switch (type) {
    case 'BOOLEAN':
      return { kind: 'boolean' };
    case 'INT32':
    case 'INT64':
      return { kind: 'integer' };
    case 'DOUBLE':
      return { kind: 'double' };
    case 'FLOAT':
      return { kind: 'float' };
    default:
      return { kind: 'binary' };
  }
}

/** Name of a type for the user. */
export function typeName(type: ValueType): string {
  return type.kind === 'unsigned' || type.kind === 'integer' ? 'integer' : type.kind === 'float' ? 'double' : type.kind;
}

/** Whether the values are shown with aligned digits and have a histogram. */
export function isNumeric({ kind }: ValueType): boolean {
  return kind === 'integer' || kind === 'unsigned' || kind === 'double' || kind === 'float' || kind === 'decimal';
}

const decoder = new TextDecoder();

/**
 * The value in a form with an order: a text, a number, or a bigint for an exact integer, decimal (times 10^scale) or
 * time. Undefined for null and NaN.
 */
export function sortKey(value: unknown, type: ValueType): string | number | bigint | undefined {
  if (value === undefined || value === null || Number.isNaN(value)) return undefined;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (type.kind === 'unsigned')
    return typeof value === 'bigint' ? BigInt.asUintN(type.bits, value) : Number(value) >>> 0;
  if (value instanceof Uint8Array) {
    if (type.kind === 'decimal') return signedInteger(value);
    return type.kind === 'text' ? decoder.decode(value) : hex(value);
  }
  return value as number | bigint;
}

/** Two's complement, most significant byte first. */
function signedInteger(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return BigInt.asIntN(bytes.length * 8, value);
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
