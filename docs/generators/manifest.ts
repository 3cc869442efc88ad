import { z } from 'zod';
import { MAX_MANIFEST_BYTES } from '#shared/landing/uploaded-manifest.ts';
import { scopeOf } from '#shared/manifest/field-effects.ts';
import { ManifestSchema } from '#shared/manifest/manifest.ts';
import { MAX_NAMES } from '../../functions/validate-manifest/manifest-tokens.ts';
import { type GeneratedFile, generatedFrom } from './generated-file.ts';

/** docs/manifest.md: the reference of manifests. */
export const manifestDocument: GeneratedFile = { path: 'docs/manifest.md', content: manifestMarkdown };

/**
 * docs/manifest.schema.json, for editors. Its path must be set in the editor, because `"$schema"` is not a field of a
 * manifest.
 */
export const manifestSchemaDocument: GeneratedFile = {
  path: 'docs/manifest.schema.json',
  content: () => `${JSON.stringify({ title: 'Sluice manifest', ...manifestJsonSchema() }, undefined, 2)}\n`,
};

/** The example of docs/manifest.md. docs/generate.test.ts validates it. */
export const MANIFEST_EXAMPLE = {
  batch_id: 'roads-2025-03',
  uploader: 'ana',
  intent: 'ingest_vector',
  files: [
    {
      path: 's3://landing-zone/roads-2025-03/roads of Kent.zip',
      type: 'vector',
      format: 'ESRI Shapefile',
      crs: 'EPSG:27700',
    },
  ],
  metadata: { project: 'ALPHA', description: 'Roads of Kent, March 2025', tags: { dataset_id: 'roads' } },
};

const INTENT_ROWS = [
  [
    '`ingest_vector`',
    'one or more `vector` files',
    'one GeoParquet asset, with the default recipe of [recipes.md](recipes.md)',
  ],
  ['`ingest_raster`', '`raster` files', 'Cloud Optimized GeoTIFFs'],
  ['`ingest_tabular`', 'one or more `tabular` files', 'one Parquet asset: [tabular.md](tabular.md)'],
  [
    '`join_datasets`',
    'none; `metadata.join_config` names two assets',
    'a GeoParquet asset of features with the columns of a table',
  ],
  ['any other', 'files of one type', 'the same as for their type, with the recipe of that name, or the default recipe'],
] as const;

function manifestMarkdown(): string {
  return `${generatedFrom('shared/manifest/manifest.ts')}

# The manifest

A manifest is a JSON document that describes a batch: its files, its intent and its metadata. Upload the files to the
bucket \`landing-zone\` first, then the manifest to \`landing-zone/manifests/NAME.json\`. The upload of the manifest
starts the run. \`npx sluice ingest\` does both.

\`\`\`json
${JSON.stringify(MANIFEST_EXAMPLE, undefined, 2)}
\`\`\`

The encoding is UTF-8, and the maximum size is ${MAX_MANIFEST_BYTES / 1024} KiB, with at most ${MAX_NAMES} names of
fields. Unknown fields, duplicate fields and fields without an effect are errors, so that mistakes are found. Every
manifest is moved to \`landing-zone/archive/manifests/\`, whether it is valid or not. \`GET /api/batches/BATCH_ID\` of
the gateway returns the error of a rejected manifest, with a code of [errors.md](errors.md).

## Intents

| \`intent\` | Files | Result |
|---|---|---|
${INTENT_ROWS.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}

The manifest is rejected with \`LANE_NOT_AVAILABLE\` if no function serves its intent. If its lane group (\`ingest\`,
\`tabular\`, \`join\`) is not in \`MANIFEST_ROUTER_ENABLED_LANES\`, no run starts. The manifest is recorded as canceled,
and archived.

## Repeated uploads

\`batch_id\` is unique. Uploading the same manifest again, or another one with its \`batch_id\`, starts no second
run. The \`batch_id\` of a rejected manifest can be used again: correct the manifest, and upload it again.

## Fields

Names and strings must contain a visible character. Control characters, bidirectional control characters, and invisible,
private-use or unassigned characters are errors. \`batch_id\`, \`uploader\` and \`dataset_id\` must be in the Unicode
normalization form NFC, so that identifiers that look equal are equal. Layers, sheets and columns are named as in the
file.

A field in **bold** is required (within the object that contains it).

| Field | Value | Meaning |
|---|---|---|
${fieldRows(manifestJsonSchema()).map(toRow).join('\n')}

The JSON Schema for editors is [manifest.schema.json](manifest.schema.json).
`;
}

function toRow({ field, required, values, meaning }: FieldRow): string {
  const scope = scopeOf(field);
  const text = scope === undefined ? meaning : `${meaning} Only for ${scope}.`;
  const name = required ? `**\`${field}\`**` : `\`${field}\``;
  return `| ${name} | ${values.replaceAll('|', '\\|')} | ${text.replaceAll('|', '\\|')} |`;
}

/** The part of JSON Schema that zod generates for the manifest. */
export interface JsonSchema {
  type?: string;
  description?: string;
  properties?: Record<string, JsonSchema>;
  items?: JsonSchema;
  /** The entries of a list of fixed length. */
  prefixItems?: JsonSchema[];
  oneOf?: JsonSchema[];
  anyOf?: JsonSchema[];
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
  /** The allowed values: `string; at most 128 characters`. */
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

function typeName({ type, items, prefixItems, additionalProperties, anyOf }: JsonSchema): string {
  if (anyOf !== undefined) return [...new Set(anyOf.map(typeName))].join(' or ');
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
    { string: 'string', integer: 'whole number', number: 'number', boolean: 'true or false', object: 'object' }[
      type ?? 'object'
    ] ?? 'anything'
  );
}

function plural(items: JsonSchema | undefined): string {
  if (items?.oneOf !== undefined) return 'objects';
  return { object: 'objects', number: 'numbers', integer: 'whole numbers' }[items?.type ?? ''] ?? 'strings';
}
