import { type Inspection, MAX_LISTED_LAYERS } from '#shared/contracts/inspection.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { gdalExtentInDegrees } from '#shared/gdal/crs/check-extent.ts';
import { crsLabel } from '#shared/gdal/crs/crs.ts';
import type { InspectionRequest } from '#shared/runtime/inspection.ts';
import { rasterPoints } from './read/pixel-grid.ts';
import { describeRaster } from './read/describe-raster.ts';
import { fetchRaster } from './read/fetch-raster.ts';

/**
 * Describes an uploaded raster, with the rules of the export. Of a file with several images, the names are listed.
 * Throws the errors of fetchRaster and describeRaster, except LAYER_AMBIGUOUS and LAYER_MISSING.
 */
export async function inspectRaster(request: InspectionRequest): Promise<Inspection> {
  const { file, gdal, env, signal } = request;
  const source = await fetchRaster(file, request);
  try {
    const { layer, info, crs } = await describeRaster(source, undefined, { gdal, env, signal });
    const bbox = await gdalExtentInDegrees(rasterPoints(info), crs, gdal, signal);
    const [width, height] = info.size;
    return {
      layers: [
        {
          name: layer,
          geometry_type: null,
          row_count: null,
          column_count: 0,
          columns: [],
          crs: crsLabel(crs),
          bbox: bbox ?? null,
          pixels: { width, height, bands: info.bands.length },
        },
      ],
      chosen: 0,
      problem: null,
    };
  } catch (thrown) {
    if (!(thrown instanceof SluiceError)) throw thrown;
    const listed = listImages(thrown);
    if (listed === undefined) throw thrown;
    return listed;
  }
}

/** The first names of images that an error lists; undefined for an error that lists none. */
export function listImages(error: SluiceError): Inspection | undefined {
  const { layers } = error.details;
  if (!Array.isArray(layers)) return undefined;
  const names = layers.filter((name) => typeof name === 'string').slice(0, MAX_LISTED_LAYERS);
  const unknown = { geometry_type: null, row_count: null, column_count: 0, columns: [], crs: null, bbox: null };
  return { layers: names.map((name) => ({ name, ...unknown })), chosen: null, problem: error.toDocument() };
}
