// @ts-check
import { execFileSync } from 'node:child_process';
import { GDAL_PROGRAMS, isOnPath } from '../../shared/gdal/programs.mjs';

/**
 * The system packages that Sluice needs, the commands that install them, and the check of the installed GDAL.
 *
 * @typedef {'gdal' | 'postgres'} Need
 * @typedef {'apt' | 'dnf' | 'brew'} Installer
 * @typedef {{ command: string, args: string[] }} Command
 */

/** @type {Record<Need, string>} */
export const NEED_NAMES = { gdal: 'GDAL', postgres: 'PostgreSQL with PostGIS' };

/** @type {Record<Installer, Record<Need, string[]>>} */
const PACKAGES = {
  // projinfo is in proj-bin. postgresql-postgis installs PostGIS for the current PostgreSQL, and PostgreSQL itself.
  apt: { gdal: ['gdal-bin', 'proj-bin'], postgres: ['postgresql-postgis'] },
  dnf: { gdal: ['gdal', 'proj'], postgres: ['postgresql-server', 'postgis'] },
  brew: { gdal: ['gdal'], postgres: ['postgresql@17', 'postgis'] },
};

/**
 * Optional packages. bwrap restricts programs that read uploaded files to these files. It does not exist on macOS.
 *
 * @type {Record<Installer, string[]>}
 */
export const SANDBOX_PACKAGES = { apt: ['bubblewrap'], dnf: ['bubblewrap'], brew: [] };

/** Another program can hold the lock of apt for minutes, such as unattended-upgrades after a boot. */
const LOCK_SECONDS = 300;

/**
 * @param {Installer} installer @param {Need[]} needs
 * @returns {string[]}
 */
export function packagesFor(installer, needs) {
  return needs.flatMap((need) => PACKAGES[installer][need]);
}

/**
 * The command that the user should run.
 *
 * @param {Installer | undefined} installer @param {Need[]} needs @param {boolean} asRoot
 */
export function commandForUser(installer, needs, asRoot) {
  if (installer === undefined) return undefined;
  const sudo = asRoot ? '' : 'sudo ';
  const packages = [...packagesFor(installer, needs), ...SANDBOX_PACKAGES[installer]].join(' ');
  if (installer === 'apt')
    return `${sudo}apt-get update && ${sudo}apt-get install -y --no-install-recommends ${packages}`;
  if (installer === 'dnf') return `${sudo}dnf install -y ${packages}`;
  return `brew install ${packages}`;
}

/** @param {boolean} asRoot @returns {Command} */
export function aptUpdate(asRoot) {
  return withSudo(asRoot, ['apt-get', '-o', `DPkg::Lock::Timeout=${LOCK_SECONDS}`, 'update']);
}

/** @param {boolean} asRoot @param {string[]} packages @returns {Command} */
export function aptInstall(asRoot, packages) {
  // sudo removes environment variables, so `env` sets this one.
  return withSudo(asRoot, [
    'env',
    'DEBIAN_FRONTEND=noninteractive',
    'apt-get',
    '-o',
    `DPkg::Lock::Timeout=${LOCK_SECONDS}`,
    'install',
    '-y',
    '--no-install-recommends',
    ...packages,
  ]);
}

/** @param {boolean} asRoot @param {string[]} command @returns {Command} */
export function withSudo(asRoot, command) {
  const [program = '', ...args] = asRoot ? command : ['sudo', '-n', ...command];
  return { command: program, args };
}

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
