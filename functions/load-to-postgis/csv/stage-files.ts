import { namingFile } from '#shared/gdal/gdal-error.ts';
import { vectorFormat } from '#shared/formats/vector-formats.ts';
import type { ManifestFile } from '#shared/manifest/manifest.ts';
import type { VectorSource } from '../load/fetch-vector.ts';
import type { LoadContext } from '../run-gdal.ts';
import { inferPoints, type Points, type StagedPoints, stagePoints } from './read-points.ts';

/** A CSV of a run with several files. */
export interface PointFile {
  source: VectorSource;
  points: Points;
}

/** How the files of a run are downloaded and read, each in a folder of its own in `folder`. */
export interface FileAccess {
  download: (index: number) => Promise<VectorSource>;
  contextOf: (index: number) => LoadContext;
  /** The folder of all files. */
  folder: string;
}

/**
 * Stages the rows of several CSV files, and infers the types of their columns from the values of all of them: whole
 * numbers in one file and decimals in another are decimals. Undefined for one file, and for other formats, whose files
 * are loaded one after the other. Throws COLUMNS_DIFFER, and the errors of stagePoints.
 */
export async function stageFiles(
  files: readonly ManifestFile[],
  { download, contextOf, folder }: FileAccess,
): Promise<PointFile[] | undefined> {
  if (files.length < 2 || files.some(({ format, path }) => vectorFormat(format, path).name !== 'CSV')) return undefined;
  const sources: VectorSource[] = [];
  const staged: StagedPoints[] = [];
  for (const index of files.keys()) {
    const source = await download(index);
    sources.push(source);
    staged.push(await namingFile(source.file, () => stagePoints(source, contextOf(index))));
  }
  const points = await inferPoints(staged, { ...contextOf(0), folder });
  return points.map((one, index) => ({ source: sources[index] as VectorSource, points: one }));
}
