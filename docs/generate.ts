import { writeFile } from 'node:fs/promises';
import { GENERATED_FILES } from './generators/index.ts';

/** Writes every generated file: `npm run generate`. docs/generate.test.ts fails when one is stale. */
for (const { path, content } of GENERATED_FILES) {
  await writeFile(new URL(`../${path}`, import.meta.url), await content());
  process.stdout.write(`${path}\n`);
}
