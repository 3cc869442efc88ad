import { existsSync, renameSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { enableCompileCache } from 'node:module';
import { parseArgs } from 'node:util';
import { homeFolder, prepareHome } from './embedded/home-folder.ts';
import { KEYS_FILE } from './embedded/store-access/store-keys.ts';

/**
 * `npm start`: starts Sluice in a terminal. It prints its progress on standard output and logs to a file. `--no-sample`
 * skips the sample of the first start.
 *
 * Node.js keeps the compiled modules in a folder, which saves a third of the start time and 20 MB of each process. So
 * the modules of Sluice are imported only after the folder is set.
 */

/** A larger log file is renamed at the next start. One older file is kept. */
const MAX_LOG_FILE_BYTES = 20 * 2 ** 20;

const root = resolve(import.meta.dirname, '..');
if (existsSync(join(root, '.env'))) process.loadEnvFile(join(root, '.env'));
const home = homeFolder();
process.env.SLUICE_HOME = home;

try {
  prepareHome(home);
  enableCompileCache(join(home, 'compiled'));
  process.env.LOG_FILE ||= rotatedLogFile(join(home, 'sluice.log'));
  const [{ parseEnv }, { createLogger }, { startConsole }] = await Promise.all([
    import('#shared/config/env.ts'),
    import('#shared/log/log.ts'),
    import('./console/start-console.ts'),
  ]);
  const { values } = parseArgs({ options: { 'no-sample': { type: 'boolean', default: false } } });
  const env = parseEnv(process.env);
  const files = { logFile: relativePath(process.env.LOG_FILE), keysFile: relativePath(join(home, KEYS_FILE)) };
  await startConsole({ env, log: createLogger(env), sample: !values['no-sample'], ...files });
} catch (thrown) {
  // The error of an invalid variable, argument or folder names it, so a stack is not needed.
  process.stderr.write(`\nSluice cannot start. ${thrown instanceof Error ? thrown.message : String(thrown)}\n\n`);
  process.exitCode = 1;
}

/** Relative to the working directory, if the file is below it. */
function relativePath(file: string): string {
  const path = relative(process.cwd(), file);
  return path.startsWith('..') ? file : path;
}

/** The path of the log file of a process that starts. Renames a file that is too large to `FILE.1`. */
function rotatedLogFile(file: string): string {
  if (existsSync(file) && statSync(file).size > MAX_LOG_FILE_BYTES) renameSync(file, `${file}.1`);
  return file;
}
