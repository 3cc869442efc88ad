import { existsSync, renameSync, statSync } from 'node:fs';

/** A larger log file is renamed at the next start. One older file is kept. */
const MAX_LOG_FILE_BYTES = 20 * 2 ** 20;

/** The path of the log file of a process that starts. Renames a file that is too large to `FILE.1`. */
export function rotatedLogFile(file: string): string {
  if (existsSync(file) && statSync(file).size > MAX_LOG_FILE_BYTES) renameSync(file, `${file}.1`);
  return file;
}
