/** Which assets and keys a join accepts. Types are those of format_type() of PostgreSQL. */

/** The kinds of assets on each side of a join. */
export const JOINABLE_KINDS = { spatial: ['spatial', 'joined'], tabular: ['tabular'] } as const;
export type JoinSide = keyof typeof JOINABLE_KINDS;

/** Groups of types whose values PostgreSQL compares exactly. Any other type is comparable with itself only. */
const FAMILIES: [name: string, types: RegExp][] = [
  ['number', /^(smallint|integer|bigint|numeric(\(.*\))?)$/],
  ['float', /^(real|double precision)$/],
  ['text', /^(text|character varying(\(\d+\))?|character\(\d+\))$/],
];
/** PostgreSQL types without an equality operator, which cannot be keys. */
const INCOMPARABLE: ReadonlySet<string> = new Set(['json', 'geometry']);

/** The group of a type: values of two types are compared if they have the same one. Null for types that are no key. */
export function keyFamily(type: string): string | null {
  if (INCOMPARABLE.has(type)) return null;
  return FAMILIES.find(([, types]) => types.test(type))?.[0] ?? type;
}

/**
 * Whether values of the two types are compared exactly. A float is not comparable with an integer, because PostgreSQL
 * would convert the integer to a float and round it.
 */
export function areComparable(left: string, right: string): boolean {
  const family = keyFamily(left);
  return family !== null && family === keyFamily(right);
}
