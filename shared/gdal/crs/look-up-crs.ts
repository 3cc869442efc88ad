import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import type { Gdal, GdalCommand } from '../gdal.ts';
import { type Crs, parseCrs } from './crs.ts';

/**
 * Looks up a CRS with projinfo, and finds the EPSG code of a CRS that a file contains without it. projinfo accepts
 * codes and WKT. Unlike gdalsrsinfo, it never opens its argument as a file.
 */

const CACHED_CRS = 256;
/** Characters of the text that an error message shows. */
const SHOWN_CHARACTERS = 100;

const cache = new Map<string, Crs>();
/** By WKT. Files of one batch mostly have the same CRS, and projinfo needs 170 ms of processor time to identify it. */
const identified = new Map<string, Crs>();

/** Looks up the result of checkCrsText. Results are cached. Throws CRS_UNREADABLE. */
export async function lookUpCrs(gdal: Gdal, checkedText: string, signal: AbortSignal): Promise<Crs> {
  const cached = cache.get(checkedText);
  if (cached !== undefined) return cached;
  return keep(cache, checkedText, await runProjinfo(gdal, checkedText, signal));
}

function keep(map: Map<string, Crs>, key: string, crs: Crs): Crs {
  if (map.size >= CACHED_CRS) map.clear();
  // A copy: a key that is a part of a text would keep the whole text in memory.
  map.set(Buffer.from(key).toString(), crs);
  return crs;
}

export function projinfoCommand(checkedText: string): GdalCommand {
  return { command: 'projinfo', args: ['-q', '-o', 'WKT2:2019', '--single-line', checkedText], drivers: [] };
}

async function runProjinfo(gdal: Gdal, checkedText: string, signal: AbortSignal): Promise<Crs> {
  try {
    const { stdout } = await gdal.run(projinfoCommand(checkedText), { signal });
    return parseCrs(stdout.trim());
  } catch (thrown) {
    const error = asSluiceError(thrown);
    if (error.code !== 'FILE_UNREADABLE') throw error;
    const shown = checkedText.length > SHOWN_CHARACTERS ? `${checkedText.slice(0, SHOWN_CHARACTERS)}…` : checkedText;
    throw new SluiceError(
      'CRS_UNREADABLE',
      `PROJ has no coordinate reference system ${shown}. Specify it as EPSG:n, OGC:CRS84 or WKT.`,
      { cause: thrown, details: { crs: shown } },
    );
  }
}

/** A geographic CRS without a height. Esri's WKT can express it without loss. */
const GEOGRAPHIC_2D = /^GEO[A-Z]*CRS\[.*CS\[ellipsoidal,2\]/;

/** The CRS with the EPSG code that projinfo identifies with certainty; else the CRS unchanged. Results are cached. */
export async function identifyCrs(gdal: Gdal, crs: Crs, signal: AbortSignal): Promise<Crs> {
  if (crs.authority !== undefined || crs.kind === 'local') return crs;
  const known = identified.get(crs.wkt);
  if (known !== undefined) return known;
  const identify = async (wkt: string) => identifiedCode((await gdal.run(identifyCommand(wkt), { signal })).stdout);
  try {
    const code =
      (await identify(crs.wkt)) ??
      (GEOGRAPHIC_2D.test(crs.wkt)
        ? await identify((await gdal.run(withoutAxesCommand(crs.wkt), { signal })).stdout.trim())
        : undefined);
    return keep(identified, crs.wkt, code === undefined ? crs : await lookUpCrs(gdal, code, signal));
  } catch (thrown) {
    if (asSluiceError(thrown).code !== 'FILE_UNREADABLE') throw thrown;
    return crs; // projinfo cannot compare this CRS, but GDAL may be able to read it.
  }
}

/** Compares definition and name of a CRS with the EPSG register. */
export function identifyCommand(wkt: string): GdalCommand {
  return { command: 'projinfo', args: ['-q', '-o', 'WKT2:2019', '--identify', wkt], drivers: [] };
}

/**
 * Converts a CRS to Esri's WKT, which has no axis order. EPSG has latitude first, and projinfo is not certain of a CRS
 * with longitude first, as GDAL's raster drivers write it. For Sluice both are the same (isSameCrs).
 */
export function withoutAxesCommand(wkt: string): GdalCommand {
  return { command: 'projinfo', args: ['-q', '-o', 'WKT1_ESRI', '--single-line', wkt], drivers: [] };
}

/** The only code with 100 % confidence (`EPSG:31985: 100 %`); undefined when there is none or more than one. */
export function identifiedCode(stdout: string): string | undefined {
  const certain = [...stdout.matchAll(/^(EPSG:\d+): 100 ?%/gm)].map((match) => match[1]);
  return certain.length === 1 ? certain[0] : undefined;
}
