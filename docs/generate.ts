import { writeFile } from 'node:fs/promises';
import { GENERATED_FILES } from './generators/index.ts';

/** `npm run generate`: writes every generated file. docs/generate.test.ts fails if one is outdated. */
for (const { path, content } of GENERATED_FILES) {
  await writeFile(new URL(`../${path}`, import.meta.url), await content());
  process.stdout.write(`${path}\n`);
}
