import { asSluiceError } from '#shared/errors/sluice-error.ts';
import { lookUpCrs } from './crs.ts';
import type { Gdal, GdalCommand } from './gdal.ts';
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

/** The same CRS as the register has it, when it is there without doubt; else the CRS itself. */
export async function identifyCrs(gdal: Gdal, crs: Crs, signal: AbortSignal): Promise<Crs> {
  if (crs.authority !== undefined || crs.kind === 'local') return crs;
  try {
    const code = identifiedCode((await gdal.run(identifyCommand(crs.wkt), { signal })).stdout);
    return code === undefined ? crs : await lookUpCrs(gdal, code, signal);
  } catch (thrown) {
    if (asSluiceError(thrown).code !== 'FILE_UNREADABLE') throw thrown;
    return crs; // What PROJ cannot compare, GDAL may still read.
  }
}
