import { type FieldRow, fieldRows, manifestJsonSchema } from './manifest-fields.ts';
import { generatedFrom, type GeneratedFile } from './generated-file.ts';
import { scopeOf } from '#shared/manifest/field-effects.ts';
import { MAX_NAMES } from '../../functions/validate-manifest/manifest-tokens.ts';
import { MAX_MANIFEST_BYTES } from '#shared/landing/uploaded-manifest.ts';

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

Names and texts must contain a visible character. Control characters, bidirectional control characters, and invisible,
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
