import { existsSync, renameSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { parseEnv } from '#shared/config/env.ts';
import { createLogger } from '#shared/log/log.ts';
import { run } from './console/start-console.ts';

/**
 * `npm start`: starts Sluice for a person. Standard output says in plain words what happens; the log goes to a file.
 * `--no-sample` leaves out the sample of the first start.
 */

/** A log that grew past this makes room at the next start; the one before it is kept. */
const LOG_FILE_BYTES = 20 * 2 ** 20;

const root = resolve(import.meta.dirname, '..');
if (existsSync(join(root, '.env'))) process.loadEnvFile(join(root, '.env'));
const home = resolve(process.env.SLUICE_HOME || join(root, '.sluice'));
process.env.SLUICE_HOME = home;
process.env.LOG_FILE ||= rotated(join(home, 'sluice.log'));

try {
  const { values } = parseArgs({ options: { 'no-sample': { type: 'boolean', default: false } } });
  const env = parseEnv(process.env);
  await run({ env, log: createLogger(env), sample: !values['no-sample'], logFile: shortest(process.env.LOG_FILE) });
} catch (thrown) {
  // A wrong variable or argument: the message names it, and a stack would only hide that.
  process.stderr.write(`\nSluice cannot start. ${thrown instanceof Error ? thrown.message : String(thrown)}\n\n`);
  process.exitCode = 1;
}

function shortest(file: string): string {
  const fromHere = relative(process.cwd(), file);
  return fromHere.startsWith('..') ? file : fromHere;
}

function rotated(file: string): string {
  if (existsSync(file) && statSync(file).size > LOG_FILE_BYTES) renameSync(file, `${file}.1`);
  return file;
}
