import type { Note } from '#shared/contracts/facts.ts';
import { readFileStream } from '#shared/text/file-streams.ts';
import { utf16Of } from '#shared/text/utf8.ts';

/** GDAL reads one geometry of each GML feature, the last one, and drops the others without a message. */

const CHUNK_BYTES = 2 ** 20;
/** A longer tag is not a geometry. */
const MAX_TAG_CHARACTERS = 2 ** 16;
/** Start and end tags of the geometries of GML 2 and 3, also of those that are parts of others. */
const GEOMETRY_TAG =
  /<(\/?)(?:([\w.-]+):)?((?:Multi)?(?:Point|LineString|Polygon|Curve|Surface|Geometry|Solid)|Composite(?:Curve|Surface|Solid)|OrientableCurve|OrientableSurface|PolyhedralSurface|TriangulatedSurface|Tin|LinearRing|Ring)(?:\s[^<>]*)?>/g;
/** The declaration of a prefix of GML. Features have attributes with the same names in other namespaces. */
const GML_PREFIX = /\sxmlns(?::([^\s=]+))?\s*=\s*["']http:\/\/www\.opengis\.net\/gml/g;

/** A note when the document has more geometries than the layer has rows. `rows` are those of its only layer. */
export async function droppedGeometryNotes(
  { path, file }: { path: string; file: string },
  rows: number,
  signal: AbortSignal,
): Promise<Note[]> {
  const chunks = readFileStream(path, { highWaterMark: CHUNK_BYTES, signal }) as AsyncIterable<Buffer>;
  const count = await countGeometries(chunks);
  if (count <= rows) return [];
  const message =
    `${file} has ${count} geometries in ${rows} features. GDAL reads one geometry of each feature, so ` +
    `${count - rows} are missing. Write each geometry to a separate layer, and upload these.`;
  return [{ code: 'GEOMETRIES_DROPPED', file, message }];
}

/** Counts the geometries that are not part of another one. */
export async function countGeometries(chunks: AsyncIterable<Buffer>): Promise<number> {
  const prefixes = new Set<string>();
  let decoder: TextDecoder | undefined;
  let [count, depth, rest] = [0, 0, ''];
  for await (const chunk of chunks) {
    decoder ??= new TextDecoder(utf16Of(chunk) ?? 'latin1');
    const text = rest + decoder.decode(chunk, { stream: true });
    const last = text.lastIndexOf('<');
    const end = last < 0 || text.length - last > MAX_TAG_CHARACTERS ? text.length : last;
    const whole = text.slice(0, end);
    rest = text.slice(end);
    for (const [, prefix = ''] of whole.matchAll(GML_PREFIX)) prefixes.add(prefix);
    for (const [tag, slash, prefix = ''] of whole.matchAll(GEOMETRY_TAG)) {
      if (!prefixes.has(prefix) || tag.endsWith('/>')) continue;
      if (slash === '/') depth -= 1;
      else if (depth++ === 0) count += 1;
    }
  }
  return count;
}
