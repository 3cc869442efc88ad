import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { readFileStream } from '#shared/text/file-streams.ts';
import { JsonFacts } from './json-facts.ts';

/**
 * Rewrites a GeoJSON text so that GDAL reads each property as the text that the file has: a number or an object becomes
 * a string with the same characters. GDAL otherwise writes doubles with 15 digits, limits integers to 64 bits, takes
 * `2:1` for a time, and drops ids of features that are numbers. A sequence of features becomes a collection, because
 * GDAL's driver for sequences has no option to keep such texts.
 */

const CHUNK_BYTES = 2 ** 20;
const COLLECTION_START = Buffer.from('{"type":"FeatureCollection","features":[');
/** GDAL accepts it at the start of a file only. */
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
const COLLECTION_END = Buffer.from(']}');

export interface GeoJsonFacts {
  /** About the values of each property, by its name. */
  properties: Map<string, JsonFacts>;
  /** About the ids of the features, if a feature has one. */
  ids: JsonFacts | undefined;
  /** Features whose id differs from their property `id`. GDAL keeps the property. */
  hiddenIds: number;
}

/**
 * Rewrites the file. Returns undefined, and leaves the file unchanged, for a text that is neither one JSON text nor a
 * sequence of features.
 */
export async function rewriteGeoJson(path: string, signal: AbortSignal): Promise<GeoJsonFacts | undefined> {
  const target = `${path}.text`;
  const rewriter = new GeoJsonRewriter();
  {
    await using file = await open(target, 'w');
    const output = new BufferedWriter(file);
    await output.add([Buffer.alloc(COLLECTION_START.length, ' ')]);
    const chunks = readFileStream(path, { highWaterMark: CHUNK_BYTES, signal }) as AsyncIterable<Buffer>;
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
  if (rewriter.texts > 1 && !rewriter.isFeatures) {
    await rm(target);
    return undefined;
  }
  await rename(target, path);
  return rewriter.facts;
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

const [QUOTE, BACKSLASH, COMMA, COLON, RECORD_SEPARATOR] = [0x22, 0x5c, 0x2c, 0x3a, 0x1e];
const [OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET] = [0x7b, 0x7d, 0x5b, 0x5d];
const BLANKS = new Set([0x20, 0x09, 0x0a, 0x0d]);
/** Bytes that end a number or a word. */
const ENDS = new Set([...BLANKS, COMMA, CLOSE_BRACE, CLOSE_BRACKET, QUOTE, OPEN_BRACE, OPEN_BRACKET, COLON]);
/** Depth of the members of a feature in a collection, and of one that is a text of its own. */
const [IN_COLLECTION, OF_ITS_OWN] = [3, 1];
/** Tokens that GDAL reads. Others stay as they are, so that GDAL rejects them. */
const SCALAR = /^(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|NaN|-?Infinity)$/;

/** Rewrites the chunks of one file, in any division. */
export class GeoJsonRewriter {
  readonly facts: GeoJsonFacts = { properties: new Map(), ids: undefined, hiddenIds: 0 };
  /** The number of texts at the outermost level. */
  texts = 0;
  /** False when one of them is not a feature. */
  isFeatures = true;

  #depth = 0;
  #inString = false;
  #escaped = false;
  /** The last string before a colon, and the key of the current member on the outermost level. */
  #string: Buffer = Buffer.alloc(0);
  #key = '';
  #topKey = '';
  #isFeature = false;
  #afterColon = false;
  /** The depth of the members of the current feature, inside its properties; 0 outside. */
  #propertiesDepth = 0;
  #id: string | undefined;
  #propertyId: string | undefined;
  /** What is captured since `#from`, and the parts of it in earlier chunks. */
  #capture: 'string' | 'scalar' | 'nested' | undefined;
  #captured: Buffer[] = [];
  #nestedDepth = 0;
  #from = 0;
  #chunk: Buffer = Buffer.alloc(0);
  #written = 0;
  #output: Buffer[] = [];

  add(chunk: Buffer): Buffer[] {
    this.#chunk = chunk;
    [this.#written, this.#from] = [0, 0];
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] as number;
      if (this.#inString) this.#addToString(byte, at);
      else this.#addOutside(byte, at);
    }
    if (this.#capture !== undefined) this.#captured.push(chunk.subarray(this.#from));
    // Captured scalars and nested values are written as a whole when they end.
    if (this.#capture !== 'scalar' && this.#capture !== 'nested') this.#write(chunk.length);
    return this.#output.splice(0);
  }

  #addToString(byte: number, at: number): void {
    if (this.#escaped) this.#escaped = false;
    else if (byte === BACKSLASH) this.#escaped = true;
    else if (byte === QUOTE) {
      this.#inString = false;
      if (this.#capture === 'string') this.#endString(at);
    }
  }

  #addOutside(byte: number, at: number): void {
    if (this.#capture === 'scalar') {
      if (!ENDS.has(byte)) return;
      this.#endScalar(at);
    }
    switch (byte) {
      case QUOTE:
        this.#inString = true;
        if (this.#capture !== 'nested' && this.#isRelevant()) this.#start('string', at);
        return;
      case COLON:
        if (this.#capture !== 'nested' && this.#isRelevant()) this.#startMember();
        return;
      case COMMA:
        if (this.#capture !== 'nested') this.#afterColon = false;
        return;
      case OPEN_BRACE:
      case OPEN_BRACKET:
        return this.#open(byte, at);
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        return this.#close(at);
      case RECORD_SEPARATOR:
        if (this.#depth === 0) this.#replace(at, at + 1, '\n');
        return;
      default:
        if (this.#afterColon && this.#isValue() && this.#capture === undefined && !BLANKS.has(byte))
          this.#start('scalar', at);
    }
  }

  /** Whether strings at this place can be keys or values that matter. */
  #isRelevant(): boolean {
    return this.#depth === OF_ITS_OWN || this.#atFeature() || this.#atProperties();
  }

  /** Whether the value after a colon is rewritten. */
  #isValue(): boolean {
    return this.#atProperties() || (this.#key === 'id' && this.#atFeature());
  }

  #atFeature(): boolean {
    return this.#depth === OF_ITS_OWN || (this.#depth === IN_COLLECTION && this.#topKey === 'features');
  }

  #atProperties(): boolean {
    return this.#propertiesDepth !== 0 && this.#depth === this.#propertiesDepth;
  }

  #start(capture: 'string' | 'scalar' | 'nested', at: number): void {
    [this.#capture, this.#from] = [capture, at];
    if (capture !== 'string') this.#write(at);
  }

  /** The bytes since the start of the capture, which ends before `end`. */
  #endCapture(end: number): Buffer {
    const last = this.#chunk.subarray(this.#from, end);
    const all = this.#captured.length === 0 ? last : Buffer.concat([...this.#captured, last]);
    this.#captured = [];
    this.#capture = undefined;
    return all;
  }

  #endString(at: number): void {
    const text = this.#endCapture(at + 1);
    if (!this.#afterColon) this.#string = text;
    else if (this.#isValue())
      this.#addValue((facts) => facts.addString(text), text.toString('utf8', 1, text.length - 1));
    if (this.#afterColon && this.#depth === OF_ITS_OWN && this.#key === 'type')
      this.#isFeature = text.toString('latin1') === '"Feature"';
  }

  #endScalar(at: number): void {
    const token = this.#endCapture(at).toString('latin1');
    if (!SCALAR.test(token)) return this.#emit(token, at);
    this.#addValue((facts) => facts.addScalar(token), token);
    this.#emit(`"${token}"`, at);
  }

  #addValue(add: (facts: JsonFacts) => void, text: string): void {
    if (!this.#atProperties()) {
      this.facts.ids ??= new JsonFacts();
      add(this.facts.ids);
      this.#id = text;
      return;
    }
    if (this.#key === 'id') this.#propertyId = text;
    let facts = this.facts.properties.get(this.#key);
    if (facts === undefined) this.facts.properties.set(this.#key, (facts = new JsonFacts()));
    add(facts);
  }

  #startMember(): void {
    this.#afterColon = true;
    this.#key = keyOf(this.#string);
    if (this.#depth === OF_ITS_OWN) this.#topKey = this.#key;
  }

  #open(byte: number, at: number): void {
    if (this.#depth === 0 && byte === OPEN_BRACE) {
      if (this.texts++ > 0) this.#insert(at, ',');
      [this.#topKey, this.#isFeature] = ['', false];
    }
    const isValue = this.#capture === undefined && this.#afterColon && this.#atProperties();
    if (isValue) {
      this.#start('nested', at);
      this.#nestedDepth = this.#depth;
    }
    const startsProperties = byte === OPEN_BRACE && this.#afterColon && this.#key === 'properties' && this.#atFeature();
    this.#depth++;
    if (this.#capture === 'nested') return;
    if (startsProperties) this.#propertiesDepth = this.#depth;
    this.#afterColon = false;
  }

  #close(at: number): void {
    this.#depth--;
    if (this.#capture === 'nested') {
      if (this.#depth > this.#nestedDepth) return;
      const text = this.#endCapture(at + 1).toString('utf8');
      this.#addValue((facts) => facts.addNested(text), text);
      return this.#emit(JSON.stringify(text), at + 1);
    }
    this.#afterColon = false;
    if (this.#propertiesDepth > this.#depth) this.#propertiesDepth = 0;
    const endsFeature = this.#depth === 0 || (this.#depth === IN_COLLECTION - 1 && this.#topKey === 'features');
    if (endsFeature) {
      if (this.#id !== undefined && this.#propertyId !== undefined && this.#id !== this.#propertyId)
        this.facts.hiddenIds++;
      [this.#id, this.#propertyId] = [undefined, undefined];
    }
    if (this.#depth === 0 && !this.#isFeature) this.isFeatures = false;
  }

  /** Writes the bytes before `end` that are not written yet. */
  #write(end: number): void {
    if (end > this.#written) this.#output.push(this.#chunk.subarray(this.#written, end));
    this.#written = end;
  }

  /** Writes a text in the place of the bytes since the last written one. */
  #emit(text: string, end: number): void {
    this.#output.push(Buffer.from(text));
    this.#written = end;
  }

  #insert(at: number, text: string): void {
    this.#write(at);
    this.#output.push(Buffer.from(text));
  }

  #replace(from: number, to: number, text: string): void {
    this.#write(from);
    this.#emit(text, to);
  }
}

function keyOf(string: Buffer): string {
  const text = string.toString('utf8');
  try {
    return JSON.parse(text) as string;
  } catch {
    return text.slice(1, -1); // GDAL reports invalid strings.
  }
}
