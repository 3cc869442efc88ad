import { type FieldRow, fieldRows, manifestJsonSchema } from './manifest-fields.ts';
import { generatedFrom, type GeneratedFile } from './generated-file.ts';
import { MAX_MANIFEST_BYTES } from '#shared/landing/uploaded-manifest.ts';

/** docs/manifest.md: how to write a manifest. */
export const manifestDocument: GeneratedFile = { path: 'docs/manifest.md', content: manifestMarkdown };

/** docs/manifest.schema.json, for editors: `"$schema"` is not a field of a manifest, so name it in the editor's settings. */
export const manifestSchemaDocument: GeneratedFile = {
  path: 'docs/manifest.schema.json',
  content: () => `${JSON.stringify({ title: 'Sluice manifest', ...manifestJsonSchema() }, undefined, 2)}\n`,
};

/** A valid manifest; the test of this file holds it to that. */
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

function manifestMarkdown(): string {
  return `${generatedFrom('shared/manifest/manifest.ts')}

# The manifest

A batch is some files and a manifest that says what they are. Upload the files to the bucket \`landing-zone\` first, then the manifest to
\`landing-zone/manifests/NAME.json\`: its arrival starts the run. \`npx sluice ingest\` does both for you.

\`\`\`json
${JSON.stringify(MANIFEST_EXAMPLE, undefined, 2)}
\`\`\`

It is JSON in UTF-8, at most ${MAX_MANIFEST_BYTES / 1024} KiB. Unknown fields and fields that stand twice are errors, so that a typing mistake never goes unnoticed.
Every manifest ends in \`landing-zone/archive/manifests/\`, whether it was valid or not. What was wrong with it is kept, with a code of
[errors.md](errors.md): \`GET /api/batches/BATCH_ID\` of the gateway tells it.

## Intents

| \`intent\` | Files | What becomes of them |
|---|---|---|
| \`ingest_vector\` | one or more \`vector\` files | one GeoParquet asset, by the default recipe of [recipes.md](recipes.md) |
| \`ingest_raster\` | \`raster\` files | Cloud Optimized GeoTIFFs |
| \`ingest_tabular\` | one or more \`tabular\` files | one Parquet asset: [tabular.md](tabular.md) |
| \`join_datasets\` | none; \`metadata.join_config\` names two assets | a GeoParquet asset of features with the columns of a table |
| any other | files of one type | as above for their type, by the recipe of that name, else by the default recipe |

An intent whose functions are not installed is rejected with \`LANE_NOT_AVAILABLE\`. A lane that is missing in
\`MANIFEST_ROUTER_ENABLED_LANES\` (\`ingest\`, \`tabular\`, \`join\`) starts no run; its manifests are recorded as canceled and archived.

## One batch, one run

\`batch_id\` is unique for ever. Uploading the same manifest again, or another one with its \`batch_id\`, starts no second run. A rejected
manifest does not use up its \`batch_id\`: correct it and upload it again.

## Fields

A field in **bold** is required (within the object that holds it).

| Field | Value | Meaning |
|---|---|---|
${fieldRows(manifestJsonSchema()).map(toRow).join('\n')}

The same as JSON Schema, for editors: [manifest.schema.json](manifest.schema.json).
`;
}

function toRow({ field, required, values, meaning }: FieldRow): string {
  const name = required ? `**\`${field}\`**` : `\`${field}\``;
  return `| ${name} | ${values.replaceAll('|', '\\|')} | ${meaning.replaceAll('|', '\\|')} |`;
}
