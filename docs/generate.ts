import { writeFile } from 'node:fs/promises';
import { connectionsTable } from './generators/connections.ts';
import { GENERATED_FILES } from './generators/index.ts';

/**
 * `npm run generate`: writes every generated file, and prints the connections of a cluster. docs/generate.test.ts fails
 * if a file is outdated.
 */
for (const { path, content } of GENERATED_FILES) {
  await writeFile(new URL(`../${path}`, import.meta.url), await content());
  process.stdout.write(`${path}\n`);
}
process.stdout.write(`${await connectionsTable()}\n`);
