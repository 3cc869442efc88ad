import { asSluiceError } from '#shared/errors/sluice-error.ts';
import type { GdalCommand, GdalResult } from '#shared/gdal/gdal.ts';
import { explainGdalFailure } from '../gdal-messages.ts';
import type { LoadContext } from '../load-context.ts';
import type { VectorSource } from '../vector-source.ts';

/** Runs ogrinfo or ogr2ogr on a source. Its errors name the file. */
export async function runOgr(
  source: VectorSource,
  command: GdalCommand,
  { gdal, signal }: Pick<LoadContext, 'gdal' | 'signal'>,
): Promise<GdalResult> {
  try {
    return await gdal.run(command, { signal });
  } catch (thrown) {
    throw explainGdalFailure(asSluiceError(thrown), source.file);
  }
}
