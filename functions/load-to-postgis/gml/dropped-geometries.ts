import { readChunks } from '#shared/streams/file-streams.ts';
import type { Note } from '#shared/contracts/shared-schemas.ts';
import { geometryTags } from './geometry-tags.ts';

/** GDAL reads one geometry of each GML feature, the last one, and drops the others without a message. */

/** A note when the document has more geometries than the layer has rows. `rows` are those of its only layer. */
export async function droppedGeometryNotes(
  { path, file }: { path: string; file: string },
  rows: number,
  signal: AbortSignal,
): Promise<Note[]> {
  const count = await countGmlGeometries(readChunks(path, { signal }), file);
  if (count <= rows) return [];
  const message =
    `${file} has ${count} geometries in ${rows} features. GDAL reads one geometry of each feature, so ` +
    `${count - rows} are missing. Write each geometry to a separate layer, and upload these.`;
  return [{ code: 'GEOMETRIES_DROPPED', file, message }];
}

/** Counts the geometries that are not part of another one. */
export async function countGmlGeometries(chunks: AsyncIterable<Buffer>, file: string): Promise<number> {
  let count = 0;
  for await (const tags of geometryTags(chunks, { file }))
    for (const { kind } of tags) if (kind === 'geometry') count++;
  return count;
}
