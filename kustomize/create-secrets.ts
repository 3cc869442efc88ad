import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { asSluiceError } from '#shared/errors/sluice-error.ts';
import { createSecrets } from './secret-files.ts';

/** `npm run secrets`: writes the missing files of secrets. `--folder` writes to another folder. */

const { values } = parseArgs({ options: { folder: { type: 'string', default: `${import.meta.dirname}/secrets` } } });
try {
  const { created, kept } = createSecrets(values.folder, process.env);
  process.stdout.write(`${created.length} files created, ${kept.length} kept: ${resolve(values.folder)}\n`);
} catch (thrown) {
  process.stderr.write(`${asSluiceError(thrown).message}\n`);
  process.exitCode = 1;
}
