/** The first names and the number of the others, such as `a, b and 3 more`. */
export function listNames(names: readonly (string | number)[], max: number): string {
  const more = names.length > max ? ` and ${names.length - max} more` : '';
  return `${names.slice(0, max).join(', ')}${more}`;
}

/**
 * The same for parts of a sentence that may contain commas: `a: 1, 2; b: 3; and 4 more`. `count` is the number of all
 * parts if `parts` has only some.
 */
export function listClauses(parts: readonly string[], max: number, count = parts.length): string {
  const listed = parts.slice(0, max);
  return [...listed, ...(count > listed.length ? [`and ${count - listed.length} more`] : [])].join('; ');
}
