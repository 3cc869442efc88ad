import { asSluiceError } from '#shared/errors/sluice-error.ts';
import { lookUpCrs } from './crs.ts';
import type { Gdal, GdalCommand } from '../gdal.ts';
import type { Crs } from './wkt.ts';

/** Finds the EPSG code of a CRS that was written down without it, as Esri's programs do. */

/** projinfo compares definition and name; its argument is WKT, which it never opens as a file. */
export function identifyCommand(wkt: string): GdalCommand {
  return { command: 'projinfo', args: ['-q', '-o', 'WKT2:2019', '--identify', wkt], drivers: [] };
}

/** The only code that projinfo is certain of (`EPSG:31985: 100 %`); undefined when it is less certain, or there are several. */
export function identifiedCode(stdout: string): string | undefined {
  const certain = [...stdout.matchAll(/^(EPSG:\d+): 100 ?%/gm)].map((match) => match[1]);
  return certain.length === 1 ? certain[0] : undefined;
}

/**
 * Asks for a CRS in Esri's words, which don't tell the order of axes. The register has latitude first, and projinfo is not certain of a
 * CRS that has longitude first, as GDAL's raster drivers write it; to Sluice both are the same (isSameCrs).
 */
export function withoutAxesCommand(wkt: string): GdalCommand {
  return { command: 'projinfo', args: ['-q', '-o', 'WKT1_ESRI', '--single-line', wkt], drivers: [] };
}

/** Longitude and latitude without a height, and without a transformation that Esri's words would leave out. */
const PLAIN_GEOGRAPHIC = /^GEO[A-Z]*CRS\[.*CS\[ellipsoidal,2\]/;

/** The same CRS as the register has it, when it is there without doubt; else the CRS itself. */
export async function identifyCrs(gdal: Gdal, crs: Crs, signal: AbortSignal): Promise<Crs> {
  if (crs.authority !== undefined || crs.kind === 'local') return crs;
  const ask = async (wkt: string) => identifiedCode((await gdal.run(identifyCommand(wkt), { signal })).stdout);
  try {
    const code =
      (await ask(crs.wkt)) ??
      (PLAIN_GEOGRAPHIC.test(crs.wkt)
        ? await ask((await gdal.run(withoutAxesCommand(crs.wkt), { signal })).stdout.trim())
        : undefined);
    return code === undefined ? crs : await lookUpCrs(gdal, code, signal);
  } catch (thrown) {
    if (asSluiceError(thrown).code !== 'FILE_UNREADABLE') throw thrown;
    return crs; // What PROJ cannot compare, GDAL may still read.
  }
}
