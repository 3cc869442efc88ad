// @ts-check
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * True when node_modules holds what package-lock.json asks for. npm writes node_modules/.package-lock.json when an
 * installation is complete, so that file is the stamp: a cut-off or an older installation differs from the lock file.
 *
 * @param {string} folder Folder of package.json.
 */
export function packagesAreInstalled(folder) {
  const wanted = readLock(join(folder, 'package-lock.json'));
  const installed = readLock(join(folder, 'node_modules', '.package-lock.json'));
  if (wanted === undefined || installed === undefined) return false;
  // `node` fetches its program in an install script, which a person can have switched off.
  if (!existsSync(join(folder, 'node_modules', '.bin', 'node'))) return false;
  return Object.entries(wanted).every(
    ([name, { version, optional, link }]) =>
      // Optional packages are for other platforms as a rule; npm knows which ones.
      name === '' ||
      link === true ||
      installed[name]?.version === version ||
      (optional === true && installed[name] === undefined),
  );
}

/**
 * @param {string} file
 * @returns {Record<string, { version?: string, optional?: boolean, link?: boolean }> | undefined}
 */
function readLock(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages;
  } catch {
    return undefined; // Missing, or half written: the same as not installed.
  }
}
