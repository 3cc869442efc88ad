import { execa } from 'execa';
import { z } from 'zod';
import { asSluiceError } from '#shared/errors/sluice-error.ts';
import { RASTER_FORMATS } from '#shared/formats/raster-formats.ts';
import { VECTOR_FORMATS } from '#shared/formats/vector-formats.ts';
import type { Logger } from '#shared/log/log.ts';
import { gdalMissing, killedError } from './gdal-error.ts';
import { GDAL_PROGRAMS, isOnPath } from './programs.mjs';
import { detectConfinement } from './sandbox/wrappers.ts';
import { listDrivers } from './sandbox/environment.ts';

/** The response of `GET /health/gdal`. Numbers of versions are null if GDAL does not report them. */
export const GdalHealthSchema = z.object({
  /** `down` if a program is missing or does not run. A missing driver affects only files of its format. */
  status: z.enum(['ok', 'down']),
  error: z.string().optional(),
  gdal_version: z.string().nullable(),
  proj_version: z.string().nullable(),
  geos_version: z.string().nullable(),
  vector_drivers: z.array(z.string()),
  raster_drivers: z.array(z.string()),
  /** Drivers of docs/formats.md that this GDAL does not have. */
  missing_drivers: z.array(z.string()),
  missing_programs: z.array(z.string()),
  /** What GDAL programs can access (docs/operations.md#sandbox); null if it cannot be determined. */
  sandbox: z
    .object({ files: z.enum(['own', 'all']), network: z.enum(['none', 'all']), limits: z.boolean() })
    .nullable(),
});

export type GdalHealth = z.infer<typeof GdalHealthSchema>;

/** The health of a GDAL that cannot be asked. */
export function gdalDown(thrown: unknown): GdalHealth {
  return {
    status: 'down',
    error: asSluiceError(thrown).message,
    gdal_version: null,
    proj_version: null,
    geos_version: null,
    vector_drivers: [],
    raster_drivers: [],
    missing_drivers: [],
    missing_programs: [],
    sandbox: null,
  };
}

let running: Promise<GdalHealth> | undefined;

/** Checks the installed GDAL: versions, programs, drivers, sandbox. Concurrent calls share one check. Never throws. */
export function checkGdal(log: Logger): Promise<GdalHealth> {
  running ??= check(log).finally(() => {
    running = undefined;
  });
  return running;
}

async function check(log: Logger): Promise<GdalHealth> {
  const missing_programs = GDAL_PROGRAMS.filter((program) => !isOnPath(program));
  try {
    const [build, vector_drivers, raster_drivers] = await Promise.all([
      readBuild(),
      listDrivers('ogrinfo'),
      listDrivers('gdalinfo'),
    ]);
    const { ownView, noNetwork, limits } = await detectConfinement(log);
    const installed = new Set([...vector_drivers, ...raster_drivers]);
    return {
      status: missing_programs.length === 0 ? 'ok' : 'down',
      ...build,
      vector_drivers,
      raster_drivers,
      missing_drivers: formatDrivers().filter((driver) => !installed.has(driver)),
      missing_programs,
      sandbox: {
        files: ownView.length > 0 ? 'own' : 'all',
        network: ownView.length > 0 || noNetwork.length > 0 ? 'none' : 'all',
        limits,
      },
    };
  } catch (thrown) {
    return { ...gdalDown(thrown), missing_programs };
  }
}

/** The drivers of all vector and raster formats, sorted. */
function formatDrivers(): string[] {
  return [...new Set([...VECTOR_FORMATS, ...RASTER_FORMATS].flatMap(({ drivers }) => drivers))].sort();
}

async function readBuild(): Promise<Pick<GdalHealth, 'gdal_version' | 'proj_version' | 'geos_version'>> {
  const [version, build] = await Promise.all([gdalinfo('--version'), gdalinfo('--build')]);
  return {
    gdal_version: /^GDAL ([\w.-]+)/.exec(version)?.[1] ?? null,
    proj_version: /^PROJ_RUNTIME_VERSION=(.+)$/m.exec(build)?.[1] ?? null,
    geos_version: /^GEOS_VERSION=([^-\n]+)/m.exec(build)?.[1] ?? null,
  };
}

async function gdalinfo(option: string): Promise<string> {
  const result = await execa('gdalinfo', [option], { reject: false, stdin: 'ignore' });
  const killed = killedError('gdalinfo', result);
  if (killed !== undefined) throw killed;
  if (result.failed) throw gdalMissing('gdalinfo', result);
  return result.stdout;
}
