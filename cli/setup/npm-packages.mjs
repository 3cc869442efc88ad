// @ts-check
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Whether node_modules contains the packages of package-lock.json. npm writes node_modules/.package-lock.json at the
 * end of an installation, so an interrupted or older installation differs from the lock file.
 *
 * @param {string} folder The folder of package.json.
 */
export function packagesAreInstalled(folder) {
  const required = readLock(join(folder, 'package-lock.json'));
  const installed = readLock(join(folder, 'node_modules', '.package-lock.json'));
  if (required === undefined || installed === undefined) return false;
  // The package `node` downloads its program in an install script, and users can disable install scripts.
  if (!existsSync(join(folder, 'node_modules', '.bin', 'node'))) return false;
  return Object.entries(required).every(
    ([name, { version, optional, link }]) =>
      // Optional packages are usually for other platforms, and npm does not install those.
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
    return undefined; // A missing or incomplete file means that the packages are not installed.
  }
}
