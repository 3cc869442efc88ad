import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import { lookUpCrs } from '#shared/gdal/crs/crs.ts';
import type { Gdal } from '#shared/gdal/gdal.ts';
import { type Extent, targetNotes } from '#shared/gdal/crs/check-extent.ts';
import { type Crs, isHorizontal2D } from '#shared/gdal/crs/wkt.ts';
import type { Note } from '#shared/contracts/facts.ts';

const FIELD = 'metadata.raster.target_crs';

/** The CRS that metadata.raster.target_crs names. Throws CRS_UNREADABLE, and MANIFEST_INVALID for one that pixels cannot lie in: a height, a position in space. */
export async function lookUpTargetCrs(
  code: string,
  { gdal, signal }: { gdal: Gdal; signal: AbortSignal },
): Promise<Crs> {
  const crs = await lookUpCrs(gdal, code, signal).catch((thrown: unknown) => {
    const error = asSluiceError(thrown);
    if (error.code !== 'CRS_UNREADABLE') throw error;
    throw new SluiceError('CRS_UNREADABLE', `${FIELD}: ${error.message}`, {
      cause: thrown,
      details: { ...error.details, field: FIELD },
    });
  });
  if (isHorizontal2D(crs)) return crs;
  const message = `${FIELD} is ${code} (${crs.name}), which is neither a projected nor a geographic 2D coordinate reference system: pixels cannot lie in it. Choose one that is, such as EPSG:4326.`;
  throw new SluiceError('MANIFEST_INVALID', message, { details: { crs: code, issues: [{ field: FIELD, message }] } });
}

/** Notes about pixels that lie outside of where the CRS is used that was asked for. `onEarth` is their extent in degrees. */
export function targetCrsNotes(code: string | undefined, crs: Crs, onEarth: Extent | null): Note[] {
  return code === undefined || onEarth === null ? [] : targetNotes(crs, onEarth, FIELD);
}
