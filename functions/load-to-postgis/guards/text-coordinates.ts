import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { VectorFormat } from '#shared/formats/vector-formats.ts';
import { readFileStream } from '#shared/text/file-streams.ts';
import { findBadMifCoordinate } from './mif-coordinates.ts';
import { findBadCoordinate } from './xml-coordinates.ts';

const CHUNK_BYTES = 2 ** 18;
const LINE_FEED = 0x0a;

/**
 * Rejects a document with coordinates that GDAL would replace by others. Throws GEOMETRY_INVALID with the line.
 * `document` is its name in the message; `file` is the file of the manifest.
 */
export async function checkCoordinates(
  path: string,
  { drivers, extensions }: Pick<VectorFormat, 'drivers' | 'extensions'>,
  { document, file, signal }: { document: string; file: string; signal: AbortSignal },
): Promise<void> {
  const read = () => readFileStream(path, { highWaterMark: CHUNK_BYTES, signal }) as AsyncIterable<Buffer>;
  const driver = (['GML', 'LIBKML', 'GPX'] as const).find((name) => drivers.includes(name));
  const isMif = extensions.includes('.mif');
  const bad =
    driver !== undefined
      ? await findBadCoordinate(read(), driver)
      : isMif
        ? await findBadMifCoordinate(read())
        : undefined;
  if (bad === undefined) return;
  const line = await lineAt(read(), bad.offset);
  throw new SluiceError('GEOMETRY_INVALID', `${document}, line ${line}: ${bad.problem}`, {
    details: { file, line },
  });
}

async function lineAt(chunks: AsyncIterable<Buffer>, offset: number): Promise<number> {
  let line = 1;
  let left = offset;
  for await (const chunk of chunks) {
    const before = chunk.subarray(0, left);
    for (let at = before.indexOf(LINE_FEED); at >= 0; at = before.indexOf(LINE_FEED, at + 1)) line += 1;
    left -= before.length;
    if (left <= 0) break;
  }
  return line;
}
