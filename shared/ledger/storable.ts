import { SluiceError } from '#shared/errors/sluice-error.ts';

/**
 * What every ledger can hold. PostgreSQL's JSONB has no NUL character and no half of a surrogate pair, MongoDB has no NUL in
 * names; JSON files can hold both. Documents with them are refused, and the texts that Sluice itself quotes are made storable.
 */
const UNSTORABLE = /\0|[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/;
const UNSTORABLE_EVERYWHERE = new RegExp(UNSTORABLE, 'g');
const REPLACEMENT_CHARACTER = '\uFFFD';

/** JSON of a document. Throws REQUEST_INVALID with the field that holds a character which the ledger cannot. */
export function storableJson(document: unknown): string {
  const json = JSON.stringify(document);
  // JSON.stringify escapes exactly these characters (and other controls), so most documents need no second look.
  if (json.includes('\\u')) {
    const field = findUnstorable(document, '');
    if (field !== undefined) {
      throw new SluiceError(
        'REQUEST_INVALID',
        `${field} holds a NUL character or half of a surrogate pair, which cannot be stored. Remove it.`,
        { details: { field } },
      );
    }
  }
  return json;
}

/** The text with U+FFFD where the ledger cannot hold a character: for what Sluice quotes, such as the raw text of a rejected manifest. */
export function storableText(text: string): string {
  return text.replaceAll(UNSTORABLE_EVERYWHERE, REPLACEMENT_CHARACTER);
}

/** The same value with every text and name made storable: for errors, which must be kept whatever they quote. */
export function storableValue<T>(value: T): T {
  if (typeof value === 'string') return storableText(value) as T;
  if (Array.isArray(value)) return value.map((item: unknown) => storableValue(item)) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [storableText(name), storableValue(field)]),
  ) as T;
}

/** Path of the first field whose name or text the ledger cannot hold, such as `metadata.tags.note`. */
export function findUnstorable(value: unknown, path: string): string | undefined {
  if (typeof value === 'string') return UNSTORABLE.test(value) ? path || 'the text' : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [name, field] of Object.entries(value)) {
    const below = path === '' ? storableText(name) : `${path}.${storableText(name)}`;
    if (UNSTORABLE.test(name)) return below;
    const found = findUnstorable(field, below);
    if (found !== undefined) return found;
  }
  return undefined;
}
