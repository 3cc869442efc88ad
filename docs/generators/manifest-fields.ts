import { z } from 'zod';
import { ManifestSchema } from '#shared/manifest/manifest.ts';

/** The part of JSON Schema that zod generates for the manifest. */
export interface JsonSchema {
  type?: string;
  description?: string;
  properties?: Record<string, JsonSchema>;
  items?: JsonSchema;
  /** The entries of a list of fixed length. */
  prefixItems?: JsonSchema[];
  oneOf?: JsonSchema[];
  const?: unknown;
  required?: string[];
  enum?: unknown[];
  default?: unknown;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  maxItems?: number;
  additionalProperties?: JsonSchema | boolean;
}

export interface FieldRow {
  /** `files[].path` */
  field: string;
  required: boolean;
  /** The allowed values: `text, at most 128 characters`. */
  values: string;
  meaning: string;
}

/** The JSON Schema (draft 2020-12) of a manifest. Fields with a default are optional. */
export function manifestJsonSchema(): JsonSchema {
  return z.toJSONSchema(ManifestSchema, { io: 'input' }) as JsonSchema;
}

/** One row for each field of a schema. Nested fields follow the object or list that contains them. */
export function fieldRows(schema: JsonSchema, prefix = ''): FieldRow[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const path = `${prefix}${name}`;
    const row = {
      field: path,
      required: schema.required?.includes(name) ?? false,
      values: valuesOf(field),
      meaning: field.description ?? '',
    };
    const inner =
      field.type === 'array' && field.items ? fieldRows(field.items, `${path}[].`) : fieldRows(field, `${path}.`);
    return [row, ...inner];
  });
}

/** Zod adds these bounds to every whole number. They are the limits of exact integers in a double. */
const NO_BOUND = Number.MAX_SAFE_INTEGER;

function valuesOf(schema: JsonSchema): string {
  const parts = [schema.enum ? schema.enum.map((value) => JSON.stringify(value)).join(', ') : typeName(schema)];
  if (schema.maxLength !== undefined) parts.push(`at most ${schema.maxLength} characters`);
  if (schema.maxItems !== undefined && schema.prefixItems === undefined)
    parts.push(`at most ${schema.maxItems} entries`);
  if (schema.minimum !== undefined && schema.minimum !== -NO_BOUND) parts.push(`at least ${schema.minimum}`);
  if (schema.maximum !== undefined && schema.maximum !== NO_BOUND) parts.push(`at most ${schema.maximum}`);
  if (schema.default !== undefined && JSON.stringify(schema.default) !== '{}')
    parts.push(`${JSON.stringify(schema.default)} by default`);
  return parts.join('; ');
}

function typeName({ type, items, prefixItems, additionalProperties }: JsonSchema): string {
  if (type === 'array')
    return prefixItems
      ? `list of ${prefixItems.length} ${plural(prefixItems[0])}`
      : items?.enum
        ? `list of ${items.enum.join(', ')}`
        : `list of ${plural(items)}`;
  if (typeof additionalProperties === 'object' && additionalProperties.type !== undefined) {
    const values = additionalProperties.enum?.map((value) => JSON.stringify(value)).join(', ');
    return `object of names to ${values ?? plural(additionalProperties)}`;
  }
  return (
    { string: 'text', integer: 'whole number', number: 'number', boolean: 'true or false', object: 'object' }[
      type ?? 'object'
    ] ?? 'anything'
  );
}

function plural(items: JsonSchema | undefined): string {
  if (items?.oneOf !== undefined) return 'objects';
  return { object: 'objects', number: 'numbers', integer: 'whole numbers' }[items?.type ?? ''] ?? 'texts';
}
