import { execa } from 'execa';
import { STARTED_BY } from '#shared/processes/leftover-programs.ts';
import { OWNER } from '#shared/processes/owner.ts';
import { gdalMissing, killedError } from '../gdal-error.ts';
import type { GdalCommand } from '../gdal.ts';

/**
 * The environment of a GDAL program in the sandbox: only the drivers of its command, and no inherited variables.
 * wrappers.ts restricts files, network and resources. Files of unknown users are read with both (see GDAL's page on
 * security).
 */

/** Drivers that open other files or servers, or run code. They are disabled even if a command names them. */
const FORBIDDEN_DRIVERS = new Set(['VRT', 'OGR_VRT', 'HTTP', 'WMS', 'WFS', 'DERIVED']);
/** The only inherited variables: where GDAL and PROJ are installed. */
const INHERITED = ['PATH', 'LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH', 'GDAL_DATA', 'PROJ_LIB', 'PROJ_DATA'];
/** A port of this machine without a listener. */
const NO_PROXY = 'http://127.0.0.1:1';

/** All variables of a program. `skip` are the disabled drivers. */
export function sandboxEnvironment(
  inherited: NodeJS.ProcessEnv,
  skip: string[],
  command: GdalCommand,
): Record<string, string> {
  const kept = INHERITED.flatMap((name) => (inherited[name] ? [[name, inherited[name]] as const] : []));
  return {
    ...Object.fromEntries(kept),
    [STARTED_BY]: OWNER,
    HOME: '/nonexistent', // Ignores ~/.gdal/gdalrc, ~/.aws and ~/.pgpass.
    LC_ALL: 'C.UTF-8',
    TZ: 'UTC',
    // For GDAL, and for its libraries, such as SQLite.
    ...(command.folder === undefined ? {} : { CPL_TMPDIR: command.folder, TMPDIR: command.folder }),
    OGR_SKIP: skip.join(','), // Also applies to raster drivers, and, unlike GDAL_SKIP, accepts names with spaces.
    GDAL_DRIVER_PATH: 'disable',
    GDAL_VRT_ENABLE_PYTHON: 'NO',
    GDAL_HTTP_PROXY: NO_PROXY, // Blocks HTTP on machines where the network namespace is not available.
    GDAL_HTTPS_PROXY: NO_PROXY,
    GDAL_HTTP_MAX_RETRY: '0',
    CPL_VSIL_CURL_ALLOWED_EXTENSIONS: '{noext}',
    PROJ_NETWORK: 'OFF',
    // GDAL would replace a deprecated code by its successor, which can be on another ellipsoid: EPSG:2163 by EPSG:9311,
    // with positions 3 km away.
    OSR_USE_NON_DEPRECATED: 'NO',
    GML_DOWNLOAD_SCHEMA: 'NO',
    GML_FIELDTYPES: 'ALWAYS_STRING', // GML without a schema declares no types, and GDAL guesses them from some values.
    GML_ATTRIBUTES_TO_OGR_FIELDS: 'YES', // Else GDAL leaves out all attributes of elements but `uom`.
    LIBKML_LAUNDER_FIELD_NAMES: 'NO', // Keeps the names of the data of KML.
    GML_PARSER: 'EXPAT', // Xerces, which GDAL uses for some encodings, resolves entities in other files.
    OGR_SQLITE_STATIC_VIRTUAL_OGR: 'NO', // Disables virtual tables on other files, of GDAL
    SPATIALITE_LOAD: 'NO', // and of SpatiaLite.
    OGR_GEOJSON_MAX_OBJ_SIZE: '0', // Accepts very large features. The memory limit of the program still applies.
    ...command.environment,
  };
}

/** The drivers to disable: all except those of the command, so that drivers of a newer GDAL are disabled, too. */
export function driversToSkip(installed: readonly string[], allowed: readonly string[]): string[] {
  const kept = new Set(allowed.filter((name) => !FORBIDDEN_DRIVERS.has(name)));
  return installed.filter((name) => !kept.has(name));
}

/** The names in the output of `ogrinfo --formats` or `gdalinfo --formats`. */
export function driverNames(listing: string): string[] {
  return [...listing.matchAll(/^ {2}(\S.*?) -[a-z, ]+- \(/gm)]
    .map((match) => match[1] ?? '')
    .filter((name) => name !== '');
}

let installed: Promise<string[]> | undefined;

/** All drivers of the installed GDAL; determined once per process. Throws GDAL_MISSING and PROGRAM_KILLED. */
export function installedDrivers(): Promise<string[]> {
  installed ??= Promise.all(['ogrinfo', 'gdalinfo'].map(listDrivers)).then(
    (lists) => [...new Set(lists.flat())].sort(),
    (thrown: unknown) => {
      installed = undefined; // A user may install GDAL while this process runs.
      throw thrown;
    },
  );
  return installed;
}

/** The drivers that `program --formats` lists. Throws GDAL_MISSING and PROGRAM_KILLED. */
export async function listDrivers(program: string): Promise<string[]> {
  const result = await execa(program, ['--formats'], {
    reject: false,
    env: { LC_ALL: 'C.UTF-8', PATH: process.env.PATH },
    extendEnv: false,
  });
  // The list of a killed program is incomplete, and drivers that are not in it would not be disabled.
  const killed = killedError(program, result);
  if (killed !== undefined) throw killed;
  const names = driverNames(result.stdout ?? '');
  if (names.length > 0) return names;
  throw gdalMissing(program);
}
