import { z } from 'zod';
import { ALL_RECIPES, type Recipe, stepsOf } from '#shared/recipes/registry.ts';
import type { StepKind } from '#shared/recipes/step-kind.ts';
import { STEP_KINDS } from '#shared/recipes/step-kinds.ts';
import { RecipeParametersSchema } from '#shared/recipes/recipe-parameters.ts';
import { generatedFrom, type GeneratedFile } from './generated-file.ts';
import { type FieldRow, fieldRows, type JsonSchema } from './manifest-fields.ts';

/** docs/recipes.md: every recipe, and every step with its parameters and an example. */
export const recipesDocument: GeneratedFile = { path: 'docs/recipes.md', content: recipesMarkdown };

/** `metadata` of a manifest with several steps; the test of this file holds it to the schema. */
export const RECIPE_EXAMPLE = {
  recipe: {
    target_crs: 'EPSG:25832',
    steps: [
      { step: 'filter', all: [{ column: 'status', op: '!=', value: 'planned' }] },
      { step: 'clip', bounds: [7.0, 50.6, 7.2, 50.8] },
      { step: 'cast_columns', columns: { height: 'double' }, null_values: ['n/a'] },
      { step: 'add_area', column: 'footprint_m2' },
      { step: 'keep_columns', columns: ['name', 'height', 'footprint_m2'] },
    ],
  },
};

/** What the operators of conditions compare, in the order of the page. */
const OPERATOR_ROWS = [
  ['`=` `!=`', 'a text, number, boolean, date or time', 'the same, or not the same'],
  ['`<` `<=` `>` `>=`', 'a text, number, date or time', 'the order; of texts by their characters'],
  ['`in` `not_in`', 'a list of them', 'one of the list, or none of it'],
  [
    '`contains` `starts_with` `ends_with`',
    'a text',
    'a part of a text; upper and lower case differ, and no character is special',
  ],
  ['`is_null` `is_not_null`', 'none', 'the value is missing, or there'],
] as const;

function recipesMarkdown(): string {
  return `${generatedFrom('shared/recipes')}

# Recipes

A recipe turns the table as it was loaded (\`raw_data\`) into the table that is exported (\`processed\`). The \`intent\` of the manifest chooses it;
an intent without a recipe of its own runs the default one. The recipe, its parameters and its steps are recorded on the asset, with what they did
to the features; other steps or parameters make another \`source_hash\`, so the asset is computed anew.

| \`intent\` | what for | steps | \`simplify_tolerance\` |
|---|---|---|---|
${ALL_RECIPES.map(recipeRow).join('\n')}

The steps that a manifest adds run where \`…\` stands: on repaired geometries in \`target_crs\`, before they are simplified.

## Parameters: \`metadata.recipe\`

| parameter | value | meaning |
|---|---|---|
${fieldRows(toJsonSchema(RecipeParametersSchema)).map(parameterRow).join('\n')}

\`\`\`json
${exampleJson()}
\`\`\`

\`npx sluice ingest FILE --dataset NAME --recipe recipe.json\` takes the object \`recipe\` from a file.

A parameter that is unknown or of the wrong type rejects the manifest (\`MANIFEST_INVALID\`). One that does not fit the table (a column that is not
there, a value of another type, an unknown CRS) fails the run with \`RECIPE_INVALID\` before any step runs. Both name the parameter and say what is
allowed. Names and values are quoted: none of them is ever read as SQL.

## Steps that a manifest adds

Each step sees the columns as the ones before it left them. Null and empty geometries pass through, unless a step says otherwise; all other columns
pass through with their names and types. The asset has a note of each step that left out, cut, split, merged or replaced features, with their number.

${STEP_KINDS.map(stepSection).join('\n\n')}

### Conditions of \`filter\`

| \`op\` | \`value\` | holds when |
|---|---|---|
${OPERATOR_ROWS.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}

Dates are written \`2025-03-31\`, times \`2025-03-31T12:00:00Z\`. A whole number past 2^53 is written as a text. Steps of \`filter\` that follow each other all apply,
so any combination can be written.

## Steps of the recipes themselves

- **NormalizeCRS** transforms to \`target_crs\`, x (longitude) first. Before that, curves become lines, TINs and polyhedral surfaces multipolygons, and
  M values are dropped, since GeoParquet holds none of them; Z values stay. A feature that cannot be transformed fails the run with \`CRS_TRANSFORM_FAILED\`, which names it.
- **MakeValid** repairs invalid geometries (\`ST_MakeValid\`) and counts them. Of a repair that yields several kinds, the parts of the
  original dimension are kept: a polygon with a spike loses the spike. A polygon without any area becomes the line or point that it was: no feature vanishes.
  Multi types stay multi. Coordinates that are infinite or no numbers fail the run with \`GEOMETRY_INVALID\`.
- **KeepLinear** and **KeepPolygonal** keep lines or polygons, as \`keep_geometries\` does: the others are counted, and noted on the asset.
- **RepresentByPoint** replaces lines and polygons as \`point_on_surface\` does.
- **SimplifyGeometry** drops vertices (\`ST_SimplifyPreserveTopology\`). Points, ends of lines and smallest rings stay. A geometry whose simplified form would be invalid stays as it was.
  Neighboring polygons are simplified one by one: where they must keep a common border exactly, switch it off.
- **QuantizeCoordinates** (on request) keeps the decimals asked for (\`ST_QuantizeCoordinates\`), where the geometry stays valid.
- **CreateSpatialIndex** puts a GiST index on \`processed\`.

## Tables

\`raw_data\` -> \`step_0\` -> \`step_1\` -> … -> \`processed\`, in the run's schema, unlogged. The last table written is called \`processed\`. A step that has
nothing to do (the CRS is right already, everything is valid) writes no table and passes on what it got; the record of the run says so. \`step_n_findings\` holds what a step
found: of MakeValid the number, reason and repaired geometry of each invalid feature. All of them stay until the run has ended, so a run that failed can be looked into.

Features are counted from 1 in the order of the files. A feature made of several has the number of the first of them; \`explode\` counts anew.
Each table must have exactly one geometry column, named by \`GEOMETRY_COLUMN\` (\`geom\`); it is checked before the first step and after each one that writes.

## Adding a step

A step is a pure function from table names to SQL (\`shared/recipes/step.ts\`): a file in \`shared/recipes/steps\`. For manifests it is a kind of step with a schema of its
parameters (\`shared/recipes/step-kind.ts\`), listed in \`shared/recipes/step-kinds.ts\`: the manifest's schema and this page follow. For a recipe it has a place in
\`shared/recipes/registry.ts\`. Raise \`RECIPE_VERSION\` there when the same input then gives another result.
`;
}

/** The example with one step in a line. */
function exampleJson(): string {
  const { steps, ...others } = RECIPE_EXAMPLE.recipe;
  const lines = steps.map((step) => `        ${JSON.stringify(step)}`).join(',\n');
  return `{\n  "metadata": {\n    "recipe": {\n      ${JSON.stringify(others).slice(1, -1)},\n      "steps": [\n${lines}\n      ]\n    }\n  }\n}`;
}

function recipeRow(recipe: Recipe): string {
  const prepared = recipe.prepare.length;
  const steps = stepsOf(recipe).map(({ name }) => name);
  const { degrees, meters } = recipe.tolerance;
  const tolerance = meters === 0 ? 'off' : `${degrees.toFixed(6).replace(/0+$/, '')}° or ${meters} m`;
  return `| ${recipe.name === 'default' ? 'any other (`default`)' : `\`${recipe.name}\``} | ${recipe.summary} | ${[...steps.slice(0, prepared), '…', ...steps.slice(prepared)].join(', ')} | ${tolerance} |`;
}

function stepSection({ name, summary, schema, example }: StepKind): string {
  const rows = fieldRows(toJsonSchema(schema)).filter(({ field }) => field !== 'step');
  const table =
    rows.length === 0 ? [] : ['| parameter | value | meaning |', '|---|---|---|', ...rows.map(parameterRow), ''];
  return [`### \`${name}\``, '', summary, '', ...table, '```json', JSON.stringify(example), '```'].join('\n');
}

function parameterRow({ field, required, values, meaning }: FieldRow): string {
  return `| ${required ? `**\`${field}\`**` : `\`${field}\``} | ${values.replaceAll('|', '\\|')} | ${meaning.replaceAll('|', '\\|')} |`;
}

function toJsonSchema(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, { io: 'input' }) as JsonSchema;
}
