import { openParquet } from '../parquet/parquet-file.ts';
import { rangedFile, type RemoteFile } from '../worker/ranged-file.ts';
import { DataError } from '../worker/data-error.ts';
import { serveCalls } from '../worker/worker-call.ts';
import { CoveringReader } from './covering.ts';
import type { MapView, ViewFeatures } from './messages.ts';
import { type Bbox, checkProjection, openProjection } from './projection.ts';
import { ViewReader } from './view-features.ts';

/** The functions of the worker for maps of vector assets. */

let reader: ViewReader | undefined;

const methods = {
  /** Reads the footer. Throws DataError if the file cannot be drawn. */
  open: async ({ file, bbox }: { file: RemoteFile; bbox: Bbox | null }): Promise<{ rows: number }> => {
    const parquet = await openParquet(rangedFile(file));
    const { geo } = parquet;
    if (geo === undefined) throw new DataError('The file has no geometry column.');
    if (geo.covering === undefined)
      throw new DataError('The file has no bounding boxes of its features. Rerun its run with --force to add them.');
    const projection = openProjection(geo.crs);
    const covering = new CoveringReader(parquet, geo, geo.covering);
    const opened = new ViewReader({ parquet, geo, covering, coveringColumn: geo.covering, projection });
    const extent = opened.extent();
    if (extent && bbox) checkProjection(projection, extent, bbox);
    reader = opened;
    opened.prefetch();
    return { rows: parquet.rowCount };
  },
  features: async (view: MapView, part: (features: ViewFeatures) => void, signal: AbortSignal): Promise<void> => {
    await reader?.read(view, part, signal);
  },
};

export type VectorMethods = typeof methods;

serveCalls(methods);
