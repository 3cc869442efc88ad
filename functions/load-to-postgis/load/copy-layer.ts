import type { VectorSource } from '../fetch/fetch-vector.ts';
import { openOptions, runGdal } from '../gdal/run-gdal.ts';
import { maxCopyBytes, withCopyLimit } from '../guards/copy-limit.ts';
import type { LayerDescription } from '../describe/describe-layer.ts';
import type { LoadContext } from '../load-context.ts';
import { libpqEnvironment } from './libpq-environment.ts';
import { planLoad } from './plan-load.ts';

export interface CopiedLayer {
  /** True when the geometries got a Z and an M that they may not have (LoadPlan). */
  dimensionsGuessed: boolean;
  /** True when the geometries have no SRID yet. */
  sridMissing: boolean;
  /** The messages of ogr2ogr. */
  stderr: string;
}

/**
 * Copies a layer into the staging table with ogr2ogr. `epsg` is the EPSG code of the CRS if PostGIS has it. Throws
 * FILE_TOO_LARGE when the layer has more rows than a file of its size can hold, and the errors of explainGdalFailure.
 */
export async function copyLayer(
  source: VectorSource,
  { layer, singleLayer }: LayerDescription,
  { table, epsg }: { table: string; epsg: number | undefined },
  context: LoadContext,
): Promise<CopiedLayer> {
  const { session, folder, gdal, signal } = context;
  const { command, dimensionsGuessed, sridMissing } = planLoad({
    path: source.path,
    folder,
    format: source.format,
    layer,
    singleLayer,
    schema: session.schema,
    table,
    epsg,
    openOptions: openOptions(source),
    environment: libpqEnvironment(session),
  });
  const limit = { maxBytes: await maxCopyBytes(folder, source.format), file: source.file };
  const { stderr } = await withCopyLimit(session, limit, signal, (copySignal) =>
    runGdal(source, command, { gdal, signal: copySignal }),
  );
  return { dimensionsGuessed, sridMissing, stderr };
}
