import { dirname } from 'node:path';
import type { GdalCommand } from '../gdal.ts';

/**
 * The files that a confined program sees, as arguments of bwrap(1). Its file system is empty except for these mounts.
 * All of them are read-only except the folder of the command.
 */

/** Programs, libraries and their data. Debian finds some libraries through links in /etc/alternatives. */
const SYSTEM = ['/usr', '/bin', '/lib', '/lib64', '/nix/store', '/etc/ld.so.cache', '/etc/alternatives'];
const DEVICES = ['/dev/null', '/dev/urandom'];
/** Files for name resolution and for the verification of certificates. */
const NETWORK = ['/etc/resolv.conf', '/etc/hosts', '/etc/nsswitch.conf', '/etc/ssl/certs', '/etc/pki/tls/certs'];
/** Variables with folders, separated by colons, of a GDAL installation outside of /usr. */
const FOLDER_VARIABLES = ['LD_LIBRARY_PATH', 'GDAL_DATA', 'PROJ_LIB', 'PROJ_DATA'];
/** Folders of a GDAL installation outside of /usr, relative to its prefix. */
const PREFIX_FOLDERS = ['lib', 'share/gdal', 'share/proj'];
/** libpq's default. */
const POSTGRES_PORT = '5432';

/** Mounts of the system and of GDAL, whose programs are in `programFolder`. */
export function systemMounts(variables: NodeJS.ProcessEnv, programFolder: string | undefined): string[] {
  const fromVariables = FOLDER_VARIABLES.flatMap((name) => (variables[name] ?? '').split(':'));
  const fromPrefix =
    programFolder === undefined
      ? []
      : [programFolder, ...PREFIX_FOLDERS.map((folder) => `${dirname(programFolder)}/${folder}`)];
  const outsideSystem = [...fromVariables, ...fromPrefix].filter(
    (path) => path.startsWith('/') && path !== '/' && !SYSTEM.some((shown) => `${path}/`.startsWith(`${shown}/`)),
  );
  return [
    ...[...SYSTEM, ...new Set(outsideSystem)].flatMap(readOnlyMount),
    ...DEVICES.flatMap((path) => ['--dev-bind', path, path]),
  ];
}

/** Mounts of one command: its folder, and what it needs to connect to PostgreSQL by a socket or over the network. */
export function commandMounts(
  { folder, environment = {} }: GdalCommand,
  access: { network: boolean; socket: boolean },
): string[] {
  const certificate = environment.PGSSLROOTCERT;
  return [
    ...(access.network
      ? [...NETWORK, ...(certificate?.startsWith('/') ? [certificate] : [])].flatMap(readOnlyMount)
      : []),
    // Only the socket: a program without privileges cannot pass a folder that belongs to the account of the server.
    ...(access.socket
      ? (environment.PGHOST ?? '')
          .split(',')
          .flatMap((host) => readOnlyMount(`${host}/.s.PGSQL.${environment.PGPORT ?? POSTGRES_PORT}`))
      : []),
    ...(folder === undefined ? [] : ['--bind', folder, folder]),
    '--remount-ro',
    '/',
  ];
}

/** Missing paths are skipped. */
function readOnlyMount(path: string): string[] {
  return ['--ro-bind-try', path, path];
}
