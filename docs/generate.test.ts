import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { ManifestSchema } from '#shared/manifest/manifest.ts';
import { GENERATED_FILES } from './generators/index.ts';
import { MANIFEST_EXAMPLE, manifestJsonSchema } from './generators/manifest.ts';
import { RECIPE_EXAMPLE } from './generators/recipes.ts';

test.each(GENERATED_FILES.map(({ path, content }) => [path, content] as const))(
  '%s is up to date (npm run generate)',
  async (path, content) => {
    expect(await readFile(new URL(`../${path}`, import.meta.url), 'utf8')).toBe(await content());
  },
);

test('the example of docs/manifest.md is valid for the code and the JSON Schema', () => {
  expect(ManifestSchema.safeParse(MANIFEST_EXAMPLE).error).toBeUndefined();
  const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(manifestJsonSchema());
  expect(validate(MANIFEST_EXAMPLE), JSON.stringify(validate.errors)).toBe(true);
  expect(validate({ ...MANIFEST_EXAMPLE, files: 'roads.zip' })).toBe(false);
});

test('the example of docs/recipes.md is valid for the code and the JSON Schema', () => {
  const manifest = { ...MANIFEST_EXAMPLE, metadata: RECIPE_EXAMPLE };
  expect(ManifestSchema.safeParse(manifest).error).toBeUndefined();
  const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(manifestJsonSchema());
  expect(validate(manifest), JSON.stringify(validate.errors)).toBe(true);
  expect(
    validate({
      ...MANIFEST_EXAMPLE,
      metadata: { recipe: { steps: [{ step: 'filter', all: [{ column: 'a', op: 'like', value: 'x' }] }] } },
    }),
  ).toBe(false);
});
