import { asSluiceError } from '#shared/errors/sluice-error.ts';
import type { GdalCommand, GdalResult } from '#shared/gdal/gdal.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import type { Context } from '#shared/runtime/context.ts';
import type { VectorSource } from '../fetch/fetch-vector.ts';
import { explainGdalFailure } from './gdal-messages.ts';

/** Runs ogrinfo or ogr2ogr on a source. Its errors name the file. */
export async function runGdal(
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

/** The open options (-oo) of GDAL's driver for a source. */
export function openOptions(source: VectorSource): string[] {
  if (source.format.name === 'CSV') return ['AUTODETECT_TYPE=NO', 'KEEP_GEOM_COLUMNS=YES'];
  if (source.format.encoding !== 'driver' || source.declared.encoding === undefined) return [];
  return [`ENCODING=${source.declared.encoding}`];
}

/** What the steps that load one file share. */
export interface LoadContext extends Pick<Context, 'gdal' | 'env'> {
  /** Session in the schema of the run. */
  session: PostgisSession;
  /** Folder of the downloaded file; GDAL has access to no other one. */
  folder: string;
  signal: AbortSignal;
}
