import { SluiceError } from '#shared/errors/sluice-error.ts';

/**
 * Text that databases can store. PostgreSQL's jsonb rejects NUL characters and lone surrogates, and MongoDB rejects NUL
 * characters in field names; JSON files can contain both.
 */
const REPLACEMENT_CHARACTER = '\uFFFD';

/** False for a text with a NUL character or a lone surrogate. */
export function isStorableText(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}

/** The text with U+FFFD in place of each character that cannot be stored. */
export function storableText(text: string): string {
  return text.toWellFormed().replaceAll('\0', REPLACEMENT_CHARACTER);
}

/** The value with storableText applied to every text and field name: for errors, which may quote any text. */
export function storableValue<T>(value: T): T {
  if (typeof value === 'string') return storableText(value) as T;
  if (Array.isArray(value)) return value.map((item: unknown) => storableValue(item)) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [storableText(name), storableValue(field)]),
  ) as T;
}

/**
 * Path of the first field of a value that cannot be stored. `json` is its JSON: JSON.stringify escapes exactly these
 * characters and other control characters, so most values need no search.
 */
export function unstorableFieldOf(value: unknown, json: string): string | undefined {
  return json.includes('\\u') ? findUnstorable(value) : undefined;
}

/** Path of the first field whose name or text cannot be stored, such as `metadata.tags.note`. */
export function findUnstorable(value: unknown, path = ''): string | undefined {
  if (typeof value === 'string') return isStorableText(value) ? undefined : path || 'the text';
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [name, field] of Object.entries(value)) {
    const below = path === '' ? storableText(name) : `${path}.${storableText(name)}`;
    const found = isStorableText(name) ? findUnstorable(field, below) : below;
    if (found !== undefined) return found;
  }
  return undefined;
}

/** JSON of a document. Throws REQUEST_INVALID that names the first field which cannot be stored. */
export function storableJson(document: unknown): string {
  const json = JSON.stringify(document);
  const field = unstorableFieldOf(document, json);
  if (field === undefined) return json;
  throw new SluiceError(
    'REQUEST_INVALID',
    `${field} contains a NUL character or a lone surrogate, which cannot be stored. Remove the character.`,
    { details: { field } },
  );
}
