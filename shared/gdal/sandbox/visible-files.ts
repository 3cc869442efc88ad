import { dirname } from 'node:path';
import type { GdalCommand } from '../gdal.ts';

/**
 * What a confined program sees of the file system, as arguments of bwrap(1). Its root is empty; what is listed here appears in it, read-only
 * but for the command's folder. Pure.
 */

/** Programs, libraries and their data; what is not there is left out. Debian's libraries go by links of /etc/alternatives. */
const SYSTEM = ['/usr', '/bin', '/lib', '/lib64', '/nix/store', '/etc/ld.so.cache', '/etc/alternatives'];
const DEVICES = ['/dev/null', '/dev/urandom'];
/** How names of servers are looked up, and their certificates are checked. */
const NETWORK = ['/etc/resolv.conf', '/etc/hosts', '/etc/nsswitch.conf', '/etc/ssl/certs', '/etc/pki/tls/certs'];
/** Variables that hold folders of an installation outside of /usr, separated by colons. */
const FOLDER_VARIABLES = ['LD_LIBRARY_PATH', 'GDAL_DATA', 'PROJ_LIB', 'PROJ_DATA'];
/** libpq's default. */
const POSTGRES_PORT = '5432';

/** The system and its GDAL. `programFolder` holds the programs of GDAL; outside of /usr, of its prefix only what GDAL needs is seen. */
export function systemMounts(variables: NodeJS.ProcessEnv, programFolder: string | undefined): string[] {
  const named = FOLDER_VARIABLES.flatMap((name) => (variables[name] ?? '').split(':'));
  const prefix =
    programFolder === undefined
      ? []
      : ['lib', 'share/gdal', 'share/proj'].map((folder) => `${dirname(programFolder)}/${folder}`);
  const own = [...named, ...(programFolder === undefined ? [] : [programFolder]), ...prefix].filter(
    (path) => path.startsWith('/') && path !== '/' && !SYSTEM.some((shown) => `${path}/`.startsWith(`${shown}/`)),
  );
  return [...[...SYSTEM, ...new Set(own)].flatMap(readOnly), ...DEVICES.flatMap((path) => ['--dev-bind', path, path])];
}

/** The files of one command: its folder, PostgreSQL's socket, and, with the network, what is needed to find a server. */
export function commandMounts(
  { folder, environment = {} }: GdalCommand,
  sees: { network: boolean; socket: boolean },
): string[] {
  return [
    ...(sees.network
      ? [...NETWORK, ...[environment.PGSSLROOTCERT].filter((path) => path?.startsWith('/') === true)]
      : []
    ).flatMap((path) => readOnly(path ?? '')),
    // The socket alone: its folder may belong to the server's account, which nobody without privileges passes.
    ...(sees.socket
      ? (environment.PGHOST ?? '')
          .split(',')
          .flatMap((host) => readOnly(`${host}/.s.PGSQL.${environment.PGPORT ?? POSTGRES_PORT}`))
      : []),
    ...(folder === undefined ? [] : ['--bind', folder, folder]),
    '--remount-ro',
    '/',
  ];
}

function readOnly(path: string): string[] {
  return ['--ro-bind-try', path, path];
}
