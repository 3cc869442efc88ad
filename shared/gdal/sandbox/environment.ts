import { execa } from 'execa';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { GdalCommand } from '../gdal.ts';

/**
 * The sandbox of a GDAL program. Here: only the drivers that its command names, and no inherited variables. In confinement.ts: what the
 * kernel keeps from it. A file that a stranger made is read inside it (GDAL's security page; measured in tests).
 */

/** Drivers that read other files, servers or code whatever they are asked to read: never allowed, not even by name. */
const NEVER = new Set(['VRT', 'OGR_VRT', 'HTTP', 'WMS', 'WFS', 'DERIVED']);
/** Variables that say where GDAL and PROJ are installed; the only ones that are inherited. */
const INHERITED = ['PATH', 'LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH', 'GDAL_DATA', 'PROJ_LIB', 'PROJ_DATA'];

/** The whole environment of a program. `skip` is every driver that it must not use. */
export function sandboxEnvironment(
  inherited: NodeJS.ProcessEnv,
  skip: string[],
  command: GdalCommand,
): Record<string, string> {
  const kept = INHERITED.flatMap((name) => (inherited[name] ? [[name, inherited[name]] as const] : []));
  return {
    ...Object.fromEntries(kept),
    HOME: '/nonexistent', // No ~/.gdal/gdalrc, no ~/.aws, no ~/.pgpass.
    LC_ALL: 'C.UTF-8',
    TZ: 'UTC',
    ...(command.folder === undefined ? {} : { CPL_TMPDIR: command.folder, TMPDIR: command.folder }), // GDAL's, and that of its libraries, such as SQLite.
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
  return [...listing.matchAll(/^ {2}(\S.*?) -[a-z, ]+- \(/gm)]
    .map((match) => match[1] ?? '')
    .filter((name) => name !== '');
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
  const result = await execa(program, ['--formats'], {
    reject: false,
    env: { LC_ALL: 'C.UTF-8', PATH: process.env.PATH },
    extendEnv: false,
  });
  const names = driverNames(result.stdout ?? '');
  if (names.length > 0) return names;
  throw new SluiceError(
    'GDAL_MISSING',
    `${program} is not installed or does not run. Run npm run setup, or install gdal-bin 3.6 or newer.`,
    { details: { program } },
  );
}
