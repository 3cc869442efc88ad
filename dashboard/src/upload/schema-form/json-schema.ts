/** The part of JSON Schema 2020-12 that the schemas of a manifest use. */
export interface JsonSchema {
  type?: string;
  const?: unknown;
  enum?: string[];
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema | false;
  prefixItems?: JsonSchema[];
  additionalProperties?: JsonSchema | false;
  oneOf?: JsonSchema[];
  anyOf?: JsonSchema[];
  description?: string;
  default?: unknown;
}

/** How a value is edited. */
export type FieldKind =
  | { kind: 'choice'; values: string[] }
  | { kind: 'flag' }
  | { kind: 'number' }
  | { kind: 'text' }
  /** A text, a number, or true or false. */
  | { kind: 'scalar' }
  /** Several texts or scalars, one in each line. */
  | { kind: 'lines'; isScalar: boolean }
  | { kind: 'tuple'; labels: string[] }
  | { kind: 'entries'; value: JsonSchema }
  | { kind: 'list'; item: JsonSchema }
  /** Objects that differ by the value of one property. */
  | { kind: 'variants'; property: string; variants: JsonSchema[] }
  | { kind: 'object'; properties: Record<string, JsonSchema> };

/** A value of any schema that is not known here: the check of the manifest reports what is wrong with it. */
const TEXT: FieldKind = { kind: 'text' };

export function kindOf(schema: JsonSchema): FieldKind {
  if (schema.enum) return { kind: 'choice', values: schema.enum };
  if (schema.anyOf) return { kind: 'scalar' };
  if (schema.oneOf) return kindOfVariants(schema.oneOf);
  switch (schema.type) {
    case 'boolean':
      return { kind: 'flag' };
    case 'number':
    case 'integer':
      return { kind: 'number' };
    case 'string':
      return { kind: 'text' };
    case 'array':
      return kindOfArray(schema);
    case 'object':
      return schema.additionalProperties
        ? { kind: 'entries', value: schema.additionalProperties }
        : { kind: 'object', properties: schema.properties ?? {} };
    default:
      return TEXT;
  }
}

function kindOfArray({ prefixItems, items, description = '' }: JsonSchema): FieldKind {
  if (prefixItems) {
    // The descriptions name the entries of a tuple: `[xmin, ymin, xmax, ymax]`.
    const list = description.slice(description.indexOf('[') + 1, Math.max(0, description.indexOf(']')));
    const names = list.split(',').map((name) => name.trim());
    return { kind: 'tuple', labels: prefixItems.map((_, index) => names[index] || String(index + 1)) };
  }
  if (!items) return TEXT;
  const { kind } = kindOf(items);
  if (kind === 'text' || kind === 'scalar') return { kind: 'lines', isScalar: kind === 'scalar' };
  return { kind: 'list', item: items };
}

function kindOfVariants(variants: JsonSchema[]): FieldKind {
  const properties = Object.entries(variants[0]?.properties ?? {});
  const property = properties.find(([, { enum: values }]) => values !== undefined)?.[0];
  return property === undefined ? TEXT : { kind: 'variants', property, variants };
}

/** A typed text as a value: a number, true or false, or a text. Quotation marks make any text a text. */
export function parseScalar(text: string): string | number | boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  if (/^-?(?:0|[1-9]\d*)(?:\.\d+)?$/.test(text) && Number.isSafeInteger(Math.trunc(Number(text)))) return Number(text);
  return /^"(.*)"$/s.exec(text)?.[1] ?? text;
}

/** The text from which parseScalar makes this value. */
export function scalarText(value: unknown): string {
  if (typeof value === 'string') return parseScalar(value) === value ? value : `"${value}"`;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}

/** A typed number; the text itself if it is none, so that the check of the manifest reports it. */
export function parseNumber(text: string): number | string | undefined {
  const trimmed = text.trim();
  if (trimmed === '') return undefined;
  const value = Number(trimmed);
  return Number.isFinite(value) ? value : trimmed;
}

/** `simplify_tolerance` is shown as `Simplify tolerance`. */
export function labelOf(name: string): string {
  const words = name.replaceAll('_', ' ').replace(/\bcrs\b/, 'CRS');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** The description without the marks of Markdown. */
export function helpOf({ description, default: fallback }: JsonSchema): string | undefined {
  const isShown = ['string', 'number', 'boolean'].includes(typeof fallback) && !description?.includes('efault');
  const parts = [description?.replaceAll('`', ''), isShown && `Default: ${scalarText(fallback)}.`];
  return parts.filter(Boolean).join(' ') || undefined;
}
