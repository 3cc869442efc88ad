import type { Extent } from '#shared/contracts/extent.ts';
import type { Note } from '#shared/contracts/shared-schemas.ts';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import { targetNotes } from '#shared/gdal/crs/check-extent.ts';
import { type Crs, isHorizontal2D } from '#shared/gdal/crs/crs.ts';
import { lookUpCrs } from '#shared/gdal/crs/look-up-crs.ts';
import type { Gdal } from '#shared/gdal/gdal.ts';
import type { DescribedRaster } from './describe-raster.ts';

const FIELD = 'metadata.raster.target_crs';

/**
 * The CRS of the asset: `code` (metadata.raster.target_crs), else the CRS of the first raster. Throws CRS_UNREADABLE,
 * and MANIFEST_INVALID for a code of a vertical, geocentric or 3D CRS.
 */
export async function chooseTargetCrs(
  rasters: readonly DescribedRaster[],
  code: string | undefined,
  context: { gdal: Gdal; signal: AbortSignal },
): Promise<Crs> {
  if (code !== undefined) return lookUpTargetCrs(code, context);
  const [first] = rasters;
  if (first !== undefined) return first.crs;
  throw new SluiceError('MANIFEST_INVALID', '`files` of the manifest is empty. List at least one file.', {
    details: { field: 'files' },
  });
}

async function lookUpTargetCrs(code: string, { gdal, signal }: { gdal: Gdal; signal: AbortSignal }): Promise<Crs> {
  const crs = await lookUpCrs(gdal, code, signal).catch((thrown: unknown) => {
    const error = asSluiceError(thrown);
    if (error.code !== 'CRS_UNREADABLE') throw error;
    throw new SluiceError('CRS_UNREADABLE', `${FIELD}: ${error.message}`, {
      cause: thrown,
      details: { ...error.details, field: FIELD },
    });
  });
  if (isHorizontal2D(crs)) return crs;
  const message =
    `${FIELD} is ${code} (${crs.name}). A raster needs a projected or geographic 2D coordinate reference system, ` +
    'such as EPSG:4326.';
  throw new SluiceError('MANIFEST_INVALID', message, { details: { crs: code, issues: [{ field: FIELD, message }] } });
}

/** Notes about pixels outside the area of use of the requested CRS. `bbox` is the extent of the asset in degrees. */
export function targetCrsNotes(code: string | undefined, crs: Crs, bbox: Extent | null): Note[] {
  return code === undefined || bbox === null ? [] : targetNotes(crs, bbox, FIELD);
}
