// @ts-check

/**
 * Which packages hold what Sluice needs, and the commands that install them. Pure: nothing is run here.
 *
 * @typedef {'gdal' | 'postgres'} Need
 * @typedef {'apt' | 'dnf' | 'brew'} Installer
 * @typedef {{ command: string, args: string[] }} Command
 */

/** @type {Record<Need, string>} */
export const NEED_NAMES = { gdal: 'GDAL', postgres: 'PostgreSQL with PostGIS' };

/** @type {Record<Installer, Record<Need, string[]>>} */
const PACKAGES = {
  // projinfo is in proj-bin; postgresql-postgis is Debian's name for "PostGIS for the current PostgreSQL", which it depends on.
  apt: { gdal: ['gdal-bin', 'proj-bin'], postgres: ['postgresql-postgis'] },
  dnf: { gdal: ['gdal', 'proj'], postgres: ['postgresql-server', 'postgis'] },
  brew: { gdal: ['gdal'], postgres: ['postgresql@17', 'postgis'] },
};

/** Sluice runs without: bwrap shows the programs that read uploaded files nothing but these files. macOS has no such thing. @type {Record<Installer, string[]>} */
export const SANDBOX_PACKAGES = { apt: ['bubblewrap'], dnf: ['bubblewrap'], brew: [] };

/** Another package tool may hold the lock for a while (unattended-upgrades does after a boot). */
const LOCK_SECONDS = 300;

/**
 * @param {Installer} installer @param {Need[]} needs
 * @returns {string[]}
 */
export function packagesFor(installer, needs) {
  return needs.flatMap((need) => PACKAGES[installer][need]);
}

/**
 * The command that a person types.
 *
 * @param {Installer | undefined} installer @param {Need[]} needs @param {boolean} asRoot
 */
export function commandForPerson(installer, needs, asRoot) {
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
  // `env` hands the variable past sudo, which drops it.
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
