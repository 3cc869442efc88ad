import { execa } from 'execa';
import type { Env } from '#shared/config/env.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { scratchRoot } from '#shared/runtime/scratch.ts';
import type { GdalCommand } from './gdal.ts';

/**
 * The sandbox of a GDAL program: only the drivers that its command names, no network, no inherited secrets, limits on memory,
 * file size and processor time. A file that a stranger made is read inside it (GDAL's security page; measured in tests).
 */

/** Drivers that read other files, servers or code whatever they are asked to read: never allowed, not even by name. */
const NEVER = new Set(['VRT', 'OGR_VRT', 'HTTP', 'WMS', 'WFS', 'DERIVED']);
/** Variables that say where GDAL and PROJ are installed; the only ones that are inherited. */
const INHERITED = ['PATH', 'LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH', 'GDAL_DATA', 'PROJ_LIB', 'PROJ_DATA'];
/** Processor seconds allowed per second of wall time: GDAL rarely uses more threads. */
const CPU_PER_WALL_SECOND = 8;

/** The whole environment of a program. `skip` is every driver that it must not use. */
export function sandboxVariables(env: Env, inherited: NodeJS.ProcessEnv, skip: string[], command: GdalCommand): Record<string, string> {
  const kept = INHERITED.flatMap((name) => (inherited[name] ? [[name, inherited[name]] as const] : []));
  return {
    ...Object.fromEntries(kept),
    HOME: '/nonexistent', // No ~/.gdal/gdalrc, no ~/.aws, no ~/.pgpass.
    LC_ALL: 'C.UTF-8',
    TZ: 'UTC',
    CPL_TMPDIR: scratchRoot(env),
    OGR_SKIP: skip.join(','), // Takes the names of raster drivers as well, and, unlike GDAL_SKIP, names with spaces.
    GDAL_DRIVER_PATH: 'disable',
    GDAL_VRT_ENABLE_PYTHON: 'NO',
    GDAL_HTTP_PROXY: 'http://127.0.0.1:1', // Nothing listens there: the last resort where the network can't be taken away.
    GDAL_HTTPS_PROXY: 'http://127.0.0.1:1',
    GDAL_HTTP_MAX_RETRY: '0',
    CPL_VSIL_CURL_ALLOWED_EXTENSIONS: '{noext}',
    PROJ_NETWORK: 'OFF',
    GML_DOWNLOAD_SCHEMA: 'NO',
    GML_PARSER: 'EXPAT', // Xerces, GDAL's choice for some encodings, follows entities to other files.
    OGR_SQLITE_STATIC_VIRTUAL_OGR: 'NO', // No virtual tables on other files in an SQLite database, neither GDAL's own
    SPATIALITE_LOAD: 'NO', // nor SpatiaLite's.
    OGR_GEOJSON_MAX_OBJ_SIZE: '0', // Single features may be very large; memory has its own limit.
    ...command.environment,
  };
}

/** The drivers to skip: the complement of what the command allows, so that a new driver of a newer GDAL is skipped too. */
export function driversToSkip(installed: readonly string[], allowed: readonly string[]): string[] {
  const kept = new Set(allowed.filter((name) => !NEVER.has(name)));
  return installed.filter((name) => !kept.has(name));
}

/** Names from the output of `ogrinfo --formats` or `gdalinfo --formats`. */
export function driverNames(listing: string): string[] {
  return [...listing.matchAll(/^ {2}(\S.*?) -[a-z, ]+- \(/gm)].map((match) => match[1] ?? '').filter((name) => name !== '');
}

let installed: Promise<string[]> | undefined;

/** Every driver of this machine's GDAL; asked once per process. Throws GDAL_MISSING. */
export function installedDrivers(): Promise<string[]> {
  installed ??= Promise.all(['ogrinfo', 'gdalinfo'].map(listDrivers)).then(
    (lists) => [...new Set(lists.flat())].sort(),
    (thrown: unknown) => {
      installed = undefined; // GDAL may be installed while we run.
      throw thrown;
    },
  );
  return installed;
}

async function listDrivers(program: string): Promise<string[]> {
  const result = await execa(program, ['--formats'], { reject: false, env: { LC_ALL: 'C.UTF-8', PATH: process.env.PATH }, extendEnv: false });
  const names = driverNames(result.stdout ?? '');
  if (names.length > 0) return names;
  throw new SluiceError('GDAL_MISSING', `${program} is not installed or does not run. Run npm run setup, or install gdal-bin 3.6 or newer.`, { details: { program } });
}

/** Programs of util-linux that this machine lets us use, as the start of a command line. */
export interface Confinement {
  /** `unshare …`: no network but unix sockets. Empty when the kernel or the container forbids it. */
  noNetwork: string[];
  /** True when prlimit works. */
  limits: boolean;
  /** `setpriv …`: the program dies with us, even when we are killed. */
  dieWithParent: string[];
}

let confinement: Promise<Confinement> | undefined;

/** What works here; tried once per process. */
export function confinementOf(): Promise<Confinement> {
  confinement ??= probe();
  return confinement;
}

async function probe(): Promise<Confinement> {
  const [asRoot, asUser, limits, dies] = await Promise.all([
    works(['unshare', '-n', '--']),
    works(['unshare', '-r', '-n', '--']),
    works(['prlimit', '--fsize=1000000', '--']),
    works(['setpriv', '--pdeathsig', 'KILL', '--']),
  ]);
  const noNetwork = asRoot ? ['unshare', '-n', '--'] : asUser ? ['unshare', '-r', '-n', '--'] : [];
  return { noNetwork, limits, dieWithParent: dies ? ['setpriv', '--pdeathsig', 'KILL', '--'] : [] };
}

async function works([program = '', ...args]: string[]): Promise<boolean> {
  const result = await execa(program, [...args, 'true'], { reject: false, stdio: 'ignore' });
  return result.exitCode === 0;
}

/** The command line with its confinement before it. PostgreSQL over TCP needs the network; over its unix socket it doesn't. */
export function confinedCommandLine(command: GdalCommand, confinement: Confinement, limits: { memoryBytes: number; fileBytes: number; seconds: number }): [string, ...string[]] {
  const needsNetwork = command.drivers.includes('PostgreSQL') && !isSocketFolder(command.environment?.PGHOST);
  const wrappers = [
    ...(needsNetwork ? [] : confinement.noNetwork),
    ...(confinement.limits ? ['prlimit', `--as=${limits.memoryBytes}`, `--fsize=${limits.fileBytes}`, `--cpu=${Math.ceil(limits.seconds * CPU_PER_WALL_SECOND)}`, '--core=0', '--'] : []),
    ...confinement.dieWithParent, // Last: a change of credentials would undo it.
  ];
  const [first = command.command, ...rest] = [...wrappers, command.command, ...command.args];
  return [first, ...rest];
}

/** libpq takes a host that is an absolute path as the folder of the server's unix socket. */
function isSocketFolder(host: string | undefined): boolean {
  return host !== undefined && host.split(',').every((part) => part.startsWith('/'));
}
