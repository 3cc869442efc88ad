import type { TabularParameters } from '#shared/manifest/manifest.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import type { Context } from '#shared/runtime/context.ts';

/** What the steps that load one file share. */
export interface LoadContext extends Pick<Context, 'gdal' | 'env'> {
  /** Session in the schema of the run. */
  session: PostgisSession;
  /** Folder of the downloaded file; GDAL has access to no other one. */
  folder: string;
  /** How a CSV is read (`metadata.tabular`). */
  tabular: TabularParameters;
  signal: AbortSignal;
}
