// @ts-check
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Finds the PostgreSQL servers of this machine. Plain JavaScript: the setup runs it before Node 24 is installed.
 *
 * @typedef {object} Postgres
 * @property {string} bin Folder of `initdb` and `postgres`.
 * @property {number} version Major version; 0 if it is unknown.
 * @property {boolean} postgis Whether the extension PostGIS is installed for it.
 */

/** pg-boss 12 requires PostgreSQL 13. */
export const OLDEST_POSTGRES = 13;

/**
 * The installed servers: those with PostGIS first, then by version, newest first.
 *
 * @param {{ path?: string | undefined, roots?: string[] }} [options]
 * @returns {Postgres[]}
 */
export function findPostgres({ path = process.env.PATH, roots = PACKAGE_FOLDERS } = {}) {
  const packaged = roots.flatMap(versionsBelow);
  const onPath = (path ?? '')
    .split(':')
    .filter((folder) => folder !== '' && isServer(folder))
    .map((bin) => serverIn(bin, undefined));
  return [...packaged, ...onPath]
    .filter((server) => server.version >= OLDEST_POSTGRES)
    .sort((a, b) => Number(b.postgis) - Number(a.postgis) || b.version - a.version);
}

/** Folders in which packages create one folder per version. */
const PACKAGE_FOLDERS = ['/usr/lib/postgresql', '/usr', '/opt/homebrew/opt', '/usr/local/opt'];
/** Debian: `15`; RPM packages of postgresql.org: `pgsql-15`; Homebrew: `postgresql@15`. */
const VERSION_FOLDER = /^(?:pgsql-|postgresql@)?(\d+)$/;

/** @param {string} root @returns {Postgres[]} */
function versionsBelow(root) {
  if (!existsSync(root)) return [];
  return readdirSync(root).flatMap((name) => {
    const version = VERSION_FOLDER.exec(name)?.[1];
    const bin = join(root, name, 'bin');
    return version !== undefined && isServer(bin) ? [serverIn(bin, Number(version))] : [];
  });
}

/** @param {string} folder */
function isServer(folder) {
  return existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres'));
}

/** @param {string} bin @param {number | undefined} version @returns {Postgres} */
function serverIn(bin, version) {
  const major = version ?? readVersion(join(bin, 'postgres'));
  return {
    bin,
    version: major,
    postgis: extensionFolders(bin, major).some((folder) => existsSync(join(folder, 'postgis.control'))),
  };
}

/** @param {string} program */
function readVersion(program) {
  try {
    return Number(/(\d+)/.exec(execFileSync(program, ['--version'], { encoding: 'utf8' }))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/**
 * Extension folders of the packages of Debian, postgresql.org, Fedora and Homebrew.
 *
 * @param {string} bin
 * @param {number} version
 */
function extensionFolders(bin, version) {
  const home = dirname(bin);
  return [
    `/usr/share/postgresql/${version}/extension`,
    join(home, 'share', 'extension'),
    join(home, 'share', 'postgresql', 'extension'),
    join(home, 'share', `postgresql@${version}`, 'extension'),
    join(dirname(dirname(home)), 'share', `postgresql@${version}`, 'extension'),
    '/usr/share/pgsql/extension',
  ];
}
