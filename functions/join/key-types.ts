import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { Column } from '#shared/contracts/facts.ts';

/** Types whose values PostgreSQL compares exactly. A type that is in none compares with itself only. */
const FAMILIES = [
  /^(smallint|integer|bigint|numeric(\(.*\))?)$/,
  /^(real|double precision)$/,
  /^(text|character varying(\(\d+\))?|character\(\d+\))$/,
];
/** Types for which there is no equality. */
const INCOMPARABLE = new Set(['json', 'geometry']);

/** Whether values of the two types can be equal, and are so exactly: a float is never compared with a whole number, which it may round. */
export function areComparable(left: string, right: string): boolean {
  if (INCOMPARABLE.has(left) || INCOMPARABLE.has(right)) return false;
  return left === right || FAMILIES.some((family) => family.test(left) && family.test(right));
}

/** Throws JOIN_KEY_TYPE_MISMATCH, with both types. */
export function checkKeyTypes(left: Column, right: Column): void {
  if (areComparable(left.type, right.type)) return;
  throw new SluiceError(
    'JOIN_KEY_TYPE_MISMATCH',
    `left_key ${JSON.stringify(left.name)} is ${left.type}, but right_key ${JSON.stringify(right.name)} is ${right.type}; their values are never equal. Ingest the table again with \`metadata.tabular.columns\` declaring the type of ${JSON.stringify(right.name)}.`,
    { details: { left_key: left, right_key: right } },
  );
}
