import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { readChunks } from '#shared/streams/file-streams.ts';
import type { GeoJsonFacts } from './json-facts.ts';
import { GeoJsonRewriter } from './geojson-rewriter.ts';

/**
 * Rewrites a GeoJSON text so that GDAL reads each property as the text that the file has: a number or an object becomes
 * a string with the same characters. GDAL otherwise writes doubles with 15 digits, limits integers to 64 bits, reads
 * `2:1` as a time, and drops ids of features that are numbers. A sequence of features becomes a collection, because
 * GDAL's driver for sequences has no option to keep such texts. A geometry in it becomes a feature.
 */

const CHUNK_BYTES = 2 ** 20;
const COLLECTION_START = Buffer.from('{"type":"FeatureCollection","features":[');
/** GDAL accepts it at the start of a file only. */
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
const COLLECTION_END = Buffer.from(']}');

/**
 * Rewrites the file. Returns undefined, and leaves the file unchanged, for a text that is neither one JSON text nor a
 * sequence of features and geometries.
 */
export async function rewriteGeoJson(path: string, signal: AbortSignal): Promise<GeoJsonFacts | undefined> {
  const target = `${path}.text`;
  const first = new GeoJsonRewriter();
  await rewriteWith(first, path, target, signal);
  let rewriter = first;
  if (first.texts > 1 && first.isReadable && first.geometries.length > 0) {
    rewriter = new GeoJsonRewriter(new Set(first.geometries));
    await rewriteWith(rewriter, path, target, signal);
  }
  if (first.texts > 1 && !first.isReadable) {
    await rm(target);
    return undefined;
  }
  await rename(target, path);
  return rewriter.facts;
}

async function rewriteWith(
  rewriter: GeoJsonRewriter,
  path: string,
  target: string,
  signal: AbortSignal,
): Promise<void> {
  await using file = await open(target, 'w');
  const output = new BufferedWriter(file);
  await output.add([Buffer.alloc(COLLECTION_START.length, ' ')]);
  const chunks = readChunks(path, { signal });
  let isStart = true;
  for await (const chunk of chunks) {
    const hasMark = isStart && chunk.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK);
    await output.add(rewriter.add(hasMark ? chunk.subarray(BYTE_ORDER_MARK.length) : chunk));
    isStart = false;
  }
  if (rewriter.texts > 1) await output.add([COLLECTION_END]);
  await output.flush();
  if (rewriter.texts > 1) await file.write(COLLECTION_START, 0, COLLECTION_START.length, 0);
}

class BufferedWriter {
  readonly #file: FileHandle;
  #parts: Buffer[] = [];
  #bytes = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  async add(parts: readonly Buffer[]): Promise<void> {
    this.#parts.push(...parts);
    this.#bytes += parts.reduce((sum, part) => sum + part.length, 0);
    if (this.#bytes >= CHUNK_BYTES) await this.flush();
  }

  async flush(): Promise<void> {
    await this.#file.appendFile(Buffer.concat(this.#parts)); // `write` may write only a part.
    [this.#parts, this.#bytes] = [[], 0];
  }
}
