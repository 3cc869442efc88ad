import { SluiceError } from '#shared/errors/sluice-error.ts';

/** Bytes of an object, both ends inclusive. */
export interface ByteRange {
  start: number;
  end: number;
}

/**
 * The range that a `Range` header asks for (RFC 9110, section 14). Undefined means the whole object: no header, a unit other than
 * bytes, a malformed header, or several ranges, which a server may ignore. Throws RANGE_INVALID when it lies outside the object.
 */
export function parseRange(header: string | undefined, size: number): ByteRange | undefined {
  const match = /^bytes=\s*(\d*)-(\d*)\s*$/i.exec(header ?? '');
  if (match === null) return undefined;
  const [first, last] = [match[1] ?? '', match[2] ?? ''];
  if (first === '' && last === '') return undefined;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (first !== '' && last !== '' && Number(last) < start) return undefined;
  if (start > end)
    throw new SluiceError('RANGE_INVALID', `The object has ${size} bytes; the range ${header} is outside it.`, {
      details: { size_bytes: size },
    });
  return { start, end };
}
