import { z } from 'zod';
import { ALL_RECIPES, type Recipe, stepsOf, STEP_DEFINITIONS } from '#shared/recipes/registry.ts';
import type { StepDefinition } from '#shared/recipes/recipe-step.ts';
import { RecipeParametersSchema } from '#shared/recipes/parameters/recipe-parameters.ts';
import { trimEndOf } from '#shared/text/truncate.ts';
import { generatedFrom, type GeneratedFile, MAX_COLUMNS, wrapText } from './generated-file.ts';
import { type FieldRow, fieldRows, type JsonSchema } from './manifest.ts';

/** docs/recipes.md: all recipes, and all steps with their parameters and an example. */
export const recipesDocument: GeneratedFile = { path: 'docs/recipes.md', content: recipesMarkdown };

/** `metadata` of a manifest with several steps. A test parses it with the schema. */
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

/** The operators of conditions, in the order of the page. */
const OPERATOR_ROWS = [
  ['`=` `!=`', 'a string, number, boolean, date or time', 'the values are equal, or not equal'],
  ['`<` `<=` `>` `>=`', 'a string, number, date or time', 'the values are in this order; strings by their characters'],
  ['`in` `not_in`', 'a list of them', 'the value is in the list, or not in it'],
  [
    '`contains` `starts_with` `ends_with`',
    'a string',
    'the text contains, starts with or ends with it; case-sensitive, without wildcards',
  ],
  ['`is_null` `is_not_null`', 'none', 'the value is null, or not null'],
] as const;

function recipesMarkdown(): string {
  return `${generatedFrom('shared/recipes')}

# Recipes

A recipe transforms the loaded table (\`raw_data\`) into the table that is exported (\`processed\`). The \`intent\` of
the manifest selects it; an intent without a recipe runs the default recipe. The asset records the recipe, its
parameters and steps, and what they changed. Other steps or parameters result in another \`source_hash\`, so the asset
is not reused.

| \`intent\` | data | steps | \`simplify_tolerance\` |
|---|---|---|---|
${ALL_RECIPES.map(recipeRow).join('\n')}

The steps of the manifest run at the place of \`…\`: on repaired geometries in \`target_crs\`, before simplification.

## Parameters: \`metadata.recipe\`

| parameter | value | meaning |
|---|---|---|
${fieldRows(toJsonSchema(RecipeParametersSchema)).map(parameterRow).join('\n')}

\`\`\`json
${exampleJson()}
\`\`\`

\`npx sluice ingest FILE --dataset NAME --recipe recipe.json\` reads the object \`recipe\` from a file.

A manifest with an unknown parameter or a parameter of the wrong type is rejected (\`MANIFEST_INVALID\`). A parameter
that does not fit the table (a missing column, a value of another type, an unknown CRS) fails the run with
\`RECIPE_INVALID\` before the first step runs. Both errors name the parameter and the allowed values. Names and values
are quoted, and never executed as SQL.

## Steps for manifests

Each step uses the columns that the earlier steps leave. Unless stated otherwise, null and empty geometries are kept,
and all other columns keep their names and types. The asset has a note for each step that removed, cut, split, merged
or replaced features, with their number.

${STEP_DEFINITIONS.map(stepSection).join('\n\n')}

### Conditions of \`filter\`

| \`op\` | \`value\` | true when |
|---|---|---|
${OPERATOR_ROWS.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}

Dates are written \`2025-03-31\`, times \`2025-03-31T12:00:00Z\`. An integer above 2^53 is written as a string.
Consecutive \`filter\` steps must all be fulfilled.

${STEPS_OF_RECIPES}

${TABLES_AND_NEW_STEPS}
`;
}

/** The steps that only recipes use, and what they change. */
const STEPS_OF_RECIPES = `## Steps of the recipes

- **NormalizeCRS** transforms to \`target_crs\`, with x (longitude) first. Before that, curves become lines, TINs and
  polyhedral surfaces become multipolygons, and M values are removed, because GeoParquet does not support them. Z values
  are kept. A feature that cannot be transformed fails the run with \`CRS_TRANSFORM_FAILED\`, which names it. In a
  geographic CRS, geometries that cross longitude 180 are divided there (RFC 7946, 3.1.9), and a polygon around a pole
  follows longitudes -180 and 180 to latitude 90 or -90; Z is interpolated. Longitudes beyond 180 are shifted by 360
  degrees. Notes count these features, and name the one whose area changed most if it changed by more than 1 %. The
  vertices are transformed, and edges are straight in both CRSs: a note counts polygons of which more than 1 % of the
  area is at another place, and lines that deviate by more than 1 % of their length. In a projected CRS, a geometry
  across the edge of the map fails the run with \`CRS_TRANSFORM_FAILED\`.
- **MakeValid** repairs invalid geometries (\`ST_MakeValid\`) and counts them. Of a repair that results in several kinds
  of geometry, the parts with the original dimension are kept: a polygon with a spike loses the spike. A polygon without
  area becomes a line or a point. Multi types stay multi. Coordinates that are infinite or not numbers fail the run
  with \`GEOMETRY_INVALID\`.
- **KeepLinear** and **KeepPolygonal** keep lines or polygons, as \`keep_geometries\` does. A note counts the others.
- **RepresentByPoint** replaces lines and polygons, as \`point_on_surface\` does.
- **SimplifyGeometry** removes vertices (\`ST_SimplifyPreserveTopology\`). Points, ends of lines and rings of four
  points are unchanged, and so are geometries whose simplified form would be invalid. Neighboring polygons are
  simplified separately; switch simplification off where they must keep exactly the same border.
  A note counts the removed vertices and the changed features.
- **QuantizeCoordinates** (only with \`coordinate_precision\`) rounds coordinates (\`ST_QuantizeCoordinates\`), except
  where the geometry would become invalid.
- **CreateSpatialIndex** creates a GiST index on \`processed\`.`;

/** For developers: the tables of a run, and how to add a step. */
const TABLES_AND_NEW_STEPS = `## Tables

\`raw_data\` -> \`step_0\` -> \`step_1\` -> … -> \`processed\`, unlogged, in the run's schema. The last table is
renamed to \`processed\`. A step that has nothing to do (the CRS is already right, all geometries are valid) writes no
table; the run records this. \`step_n_findings\` holds intermediate results: for MakeValid the number, reason and
repaired geometry of each invalid feature. All tables are kept until the run has ended, so that a failed run can be
examined.

Features are numbered from 1 in the order of the files. A merged feature gets the lowest number of its features;
\`explode\` renumbers all features. Each table must have exactly one geometry column, named by \`GEOMETRY_COLUMN\`
(\`geom\`). This is checked before the first step and after each step that writes a table.

## Adding a step

A step is a set of pure functions that return SQL (\`shared/recipes/recipe-step.ts\`). To add one for manifests,
define it with \`defineStep\` in a file of \`shared/recipes/steps\`, and add it to the list in
\`shared/recipes/registry.ts\`. The schema of the manifest and this page are generated from the list. The steps of a
recipe are listed in \`shared/recipes/registry.ts\`. Increase \`RECIPE_VERSION\` there when the result for the same
input changes.`;

/** The example with one step per line. */
function exampleJson(): string {
  const { steps, ...others } = RECIPE_EXAMPLE.recipe;
  const lines = steps.map((step) => `        ${JSON.stringify(step)}`).join(',\n');
  const fields = JSON.stringify(others).slice(1, -1);
  return `{
  "metadata": {
    "recipe": {
      ${fields},
      "steps": [
${lines}
      ]
    }
  }
}`;
}

function recipeRow(recipe: Recipe): string {
  const prepared = recipe.prepare.length;
  const steps = stepsOf(recipe).map(({ name }) => name);
  const { degrees, meters } = recipe.tolerance;
  const tolerance = meters === 0 ? 'off' : `${trimEndOf(degrees.toFixed(6), '0')}° or ${meters} m`;
  const name = recipe.name === 'default' ? 'any other (`default`)' : `\`${recipe.name}\``;
  const names = [...steps.slice(0, prepared), '…', ...steps.slice(prepared)].join(', ');
  return `| ${name} | ${recipe.summary} | ${names} | ${tolerance} |`;
}

function stepSection({ name, summary, schema, example }: StepDefinition): string {
  const rows = fieldRows(toJsonSchema(schema)).filter(({ field }) => field !== 'step');
  const table =
    rows.length === 0 ? [] : ['| parameter | value | meaning |', '|---|---|---|', ...rows.map(parameterRow), ''];
  return [
    `### \`${name}\``,
    '',
    ...wrapText(summary, MAX_COLUMNS),
    '',
    ...table,
    '```json',
    JSON.stringify(example),
    '```',
  ].join('\n');
}

function parameterRow({ field, required, values, meaning }: FieldRow): string {
  const name = required ? `**\`${field}\`**` : `\`${field}\``;
  return `| ${name} | ${values.replaceAll('|', '\\|')} | ${meaning.replaceAll('|', '\\|')} |`;
}

function toJsonSchema(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, { io: 'input' }) as JsonSchema;
}
