import { readFile, stat } from 'node:fs/promises';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { checkCrsText } from '#shared/gdal/crs/crs-text.ts';
import { type Crs, parseCrs } from '#shared/gdal/crs/crs.ts';
import { parseEmbeddedCrs } from '#shared/gdal/crs/choose-crs.ts';
import { lookUpCrs } from '#shared/gdal/crs/look-up-crs.ts';
import { stemOf } from '#shared/landing/source-parts.ts';
import type { RasterSource } from './fetch-raster.ts';
import type { RasterInfo } from './raster-info.ts';
import type { RasterContext } from './run-gdal.ts';

/** A .prj file has a few thousand characters; a compound CRS with grids also fits. */
const MAX_PRJ_BYTES = 65_536;

/** The CRS that a raster or its .prj file contains; undefined when there is none. Throws CRS_UNREADABLE. */
export async function readRasterCrs(
  { file, format, parts, path }: RasterSource,
  info: RasterInfo,
  { gdal, signal }: RasterContext,
): Promise<Crs | undefined> {
  const wkt = wktOf(info);
  if (wkt !== undefined) return parseEmbeddedCrs(wkt, file);
  if (!parts.includes('.prj')) return undefined;
  const text = format.prjNotReadByDriver ? await readPrj(`${stemOf(path)}.prj`) : '';
  // projinfo converts Esri's names of datums and projections.
  if (text.length > 0) return lookUpCrs(gdal, checkCrsText(text), signal);
  throw new SluiceError(
    'CRS_UNREADABLE',
    `The .prj file of ${file} cannot be read. Correct it, or set \`crs\` for the file in the manifest.`,
    { details: { file } },
  );
}

/** True when GDAL reads the CRS from the file, including the code if Sluice has identified one. */
export function gdalReadsCrs(info: RasterInfo, { authority }: Crs): boolean {
  const wkt = wktOf(info);
  return wkt !== undefined && (authority === undefined || parseCrs(wkt).authority !== undefined);
}

function wktOf(info: RasterInfo): string | undefined {
  return info.coordinateSystem?.wkt || info.gcps?.coordinateSystem?.wkt || undefined;
}

/** The trimmed text of a .prj file; empty for a file that is too large. */
async function readPrj(path: string): Promise<string> {
  return (await stat(path)).size > MAX_PRJ_BYTES ? '' : (await readFile(path, 'utf8')).trim();
}
