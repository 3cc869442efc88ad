import { readChunks } from '#shared/streams/file-streams.ts';

/**
 * Finds the features of a GeoJSON text that have a geometry although GDAL read none: GDAL reads some invalid geometries
 * as missing, without a message. Only files with missing geometries are read for this.
 */

const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET] = [0x7b, 0x7d, 0x5b, 0x5d];
/** Longer than every key that is searched for. */
const MAX_KEY_BYTES = 16;
/** Text of a geometry that is kept. An empty geometry is shorter. */
const MAX_GEOMETRY_BYTES = 1024;
/** Depth of the objects in `features` of a FeatureCollection, and of a Feature that is a text of its own. */
const [IN_COLLECTION, OF_ITS_OWN] = [3, 1];

/** Yields those of `rows`, which count from 1 in ascending order, whose feature has a geometry that is not empty. */
export async function* rowsWithGeometry(
  path: string,
  rows: AsyncIterable<number>,
  signal: AbortSignal,
): AsyncGenerator<number> {
  const chunks = readChunks(path, { signal });
  const geometries = geometryTexts(chunks);
  let row = 0;
  try {
    for await (const wanted of rows) {
      let text: string | undefined;
      while (row < wanted) {
        const next = await geometries.next();
        if (next.done === true) return;
        text = next.value;
        row++;
      }
      if (text !== undefined && !isMissing(text)) yield wanted;
    }
  } finally {
    await geometries.return(undefined);
  }
}

/** True if the geometry is `null` or has no coordinates. */
function isMissing(text: string): boolean {
  try {
    const value = JSON.parse(text) as { coordinates?: unknown; geometries?: unknown } | null;
    if (value === null) return true;
    const parts = value.coordinates ?? value.geometries;
    return Array.isArray(parts) && parts.flat(Infinity).length === 0;
  } catch {
    return false;
  }
}

/** The start of the text of each feature's geometry; empty text for a feature without this member. */
export async function* geometryTexts(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const scanner = new FeatureScanner();
  for await (const chunk of chunks) {
    for (const byte of chunk) scanner.add(byte);
    for (const text of scanner.found.splice(0)) yield text === '' ? 'null' : text;
  }
}

class FeatureScanner {
  readonly found: string[] = [];
  #depth = 0;
  #inString = false;
  #escaped = false;
  /** The last string outside of a captured geometry, and the key of the current member of the top-level object. */
  #string = '';
  #topKey = '';
  #isCollection = false;
  #captureDepth = 0;
  #geometry = '';

  add(byte: number): void {
    if (this.#captureDepth > 0 && !this.#endsCapture(byte) && this.#geometry.length < MAX_GEOMETRY_BYTES)
      this.#geometry += String.fromCharCode(byte);
    if (this.#inString) this.#addToString(byte);
    else if (byte === QUOTE) [this.#inString, this.#string] = [true, ''];
    else if (byte === COLON) this.#startMember();
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) this.#open(byte);
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) this.#close(byte);
  }

  #addToString(byte: number): void {
    if (this.#escaped) this.#escaped = false;
    else if (byte === BACKSLASH) this.#escaped = true;
    else if (byte === QUOTE) this.#inString = false;
    else if (this.#string.length < MAX_KEY_BYTES) this.#string += String.fromCharCode(byte);
  }

  #startMember(): void {
    if (this.#depth === OF_ITS_OWN) this.#topKey = this.#string;
    if (this.#string === 'geometry' && this.#captureDepth === 0 && this.#isFeature())
      [this.#captureDepth, this.#geometry] = [this.#depth, ''];
  }

  #isFeature(): boolean {
    return this.#depth === OF_ITS_OWN || (this.#depth === IN_COLLECTION && this.#topKey === 'features');
  }

  /** True if the byte follows a geometry, and so ends its capture. */
  #endsCapture(byte: number): boolean {
    if (this.#inString || this.#depth !== this.#captureDepth || (byte !== COMMA && byte !== CLOSE_BRACE)) return false;
    this.#captureDepth = 0;
    return true;
  }

  #open(byte: number): void {
    this.#depth++;
    if (byte === OPEN_BRACKET && this.#depth === 2 && this.#topKey === 'features') this.#isCollection = true;
  }

  #close(byte: number): void {
    const isFeature = byte === CLOSE_BRACE && this.#isFeature();
    if (isFeature && !(this.#depth === OF_ITS_OWN && this.#isCollection)) this.found.push(this.#geometry);
    if (isFeature) this.#geometry = '';
    this.#depth--;
    if (this.#depth === 0) [this.#isCollection, this.#topKey] = [false, ''];
  }
}
