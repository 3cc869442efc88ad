import type { Column } from '#shared/contracts/facts.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';

/** Groups of types whose values PostgreSQL compares exactly. Any other type is comparable with itself only. */
const FAMILIES = [
  /^(smallint|integer|bigint|numeric(\(.*\))?)$/,
  /^(real|double precision)$/,
  /^(text|character varying(\(\d+\))?|character\(\d+\))$/,
];
/** Types without an equality operator. */
const INCOMPARABLE = new Set(['json', 'geometry']);

/**
 * Whether values of the two types are compared exactly. A float is not comparable with an integer, because PostgreSQL
 * would convert the integer to a float and round it.
 */
export function areComparable(left: string, right: string): boolean {
  if (INCOMPARABLE.has(left) || INCOMPARABLE.has(right)) return false;
  return left === right || FAMILIES.some((family) => family.test(left) && family.test(right));
}

/** Throws JOIN_KEY_TYPE_MISMATCH, with both types. */
export function checkKeyTypes(left: Column, right: Column): void {
  if (areComparable(left.type, right.type)) return;
  throw new SluiceError(
    'JOIN_KEY_TYPE_MISMATCH',
    `left_key ${JSON.stringify(left.name)} is ${left.type}, but right_key ${JSON.stringify(right.name)} is ` +
      `${right.type}. Values of these types cannot be compared. Ingest the table again and declare the type of ` +
      `${JSON.stringify(right.name)} in \`metadata.tabular.columns\`.`,
    { details: { left_key: left, right_key: right } },
  );
}
