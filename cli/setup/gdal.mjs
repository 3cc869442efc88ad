// @ts-check
import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { GDAL_PROGRAMS } from '../../shared/gdal/programs.mjs';

/** The oldest tested version of GDAL, from Debian 12. */
export const OLDEST_GDAL = [3, 6];

/**
 * The problem with the GDAL of this machine, or undefined.
 *
 * @param {string | undefined} [path]
 * @returns {{ missing: string[] } | { tooOld: string } | undefined}
 */
export function gdalProblem(path = process.env.PATH) {
  const missing = GDAL_PROGRAMS.filter((program) => !isOnPath(program, path));
  if (missing.length > 0) return { missing };
  const version = gdalVersion(path);
  return isNewEnough(version) ? undefined : { tooOld: version };
}

/** @param {string} program @param {string | undefined} path */
export function isOnPath(program, path = process.env.PATH) {
  return (path ?? '').split(':').some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return folder !== '';
    } catch {
      return false;
    }
  });
}

/** @param {string | undefined} path */
function gdalVersion(path) {
  const output = execFileSync('gdalinfo', ['--version'], { encoding: 'utf8', env: { ...process.env, PATH: path } });
  return /GDAL (\d+\.\d+(?:\.\d+)?)/.exec(output)?.[1] ?? 'unknown';
}

/** @param {string} version */
export function isNewEnough(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = OLDEST_GDAL;
  return major > oldestMajor || (major === oldestMajor && minor >= oldestMinor);
}
