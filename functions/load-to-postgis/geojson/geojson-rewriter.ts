import { GEOMETRY_TYPES, KNOWN_MEMBERS, KNOWN_ONCE, SCALAR, UNREAD_MEMBERS } from './geojson-names.ts';
import { GeometryScanner } from './geometry-facts.ts';
import { JsonFacts, noFacts, textOf } from './json-facts.ts';

const [QUOTE, BACKSLASH, COMMA, COLON, RECORD_SEPARATOR] = [0x22, 0x5c, 0x2c, 0x3a, 0x1e];
const LETTER_U = 0x75;
const [OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET] = [0x7b, 0x7d, 0x5b, 0x5d];
const BLANKS = new Set([0x20, 0x09, 0x0a, 0x0d]);
/** Bytes that end a number or a word. */
const ENDS = new Set([...BLANKS, COMMA, CLOSE_BRACE, CLOSE_BRACKET, QUOTE, OPEN_BRACE, OPEN_BRACKET, COLON]);
/** Depth of the members of a feature in a collection, and of one that is a text of its own. */
const [IN_COLLECTION, OF_ITS_OWN] = [3, 1];
const [FEATURE_START, FEATURE_END] = ['{"type":"Feature","properties":{},"geometry":', '}'];

/**
 * Rewrites the chunks of one file, in any division (see rewriteGeoJson). All other bytes stay as they are, which a
 * parser of values does not return; crs/json-members.ts names the libraries that were tried, and their time.
 */
export class GeoJsonRewriter {
  readonly facts = noFacts();
  /** The number of texts at the outermost level. */
  texts = 0;
  /** The numbers of those that are geometries, from 1. */
  readonly geometries: number[] = [];
  /** False when one of them is neither a feature nor a geometry. */
  isReadable = true;

  /** The texts to write as the geometry of a feature. */
  private readonly wrapped: ReadonlySet<number>;

  private depth = 0;
  private inString = false;
  private escaped = false;
  /** The last string that can be a key, and the key of the current member on the outermost level. */
  private string: Buffer = Buffer.alloc(0);
  private key = '';
  private topKey = '';
  private textType = '';
  /** The number of the current feature, and of the last one with a key twice. */
  private feature = 1;
  private repeatedIn = 0;
  private members: string[] = [];
  private hasProperties = false;
  private hasOthers = false;
  private readonly geometry = new GeometryScanner(this.facts.geometries);
  /** Whether the current string has a character as its code. */
  private hasCode = false;
  private afterColon = false;
  /** The depth of the members of the current feature, inside its properties; 0 outside. */
  private propertiesDepth = 0;
  private id: string | undefined;
  private propertyId: string | undefined;
  /** What is captured since `#from`, and the parts of it in earlier chunks. */
  private capture: 'string' | 'scalar' | 'nested' | undefined;
  private captured: Buffer[] = [];
  private nestedDepth = 0;
  private from = 0;
  private chunk: Buffer = Buffer.alloc(0);
  private written = 0;
  private output: Buffer[] = [];

  constructor(wrapped: ReadonlySet<number> = new Set()) {
    this.wrapped = wrapped;
  }

  add(chunk: Buffer): Buffer[] {
    this.chunk = chunk;
    [this.written, this.from] = [0, 0];
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] as number;
      if (this.inString) this.addToString(byte, at);
      else this.addOutside(byte, at);
    }
    if (this.capture !== undefined) this.captured.push(chunk.subarray(this.from));
    // Captured scalars and nested values are written as a whole when they end.
    if (this.capture !== 'scalar' && this.capture !== 'nested') this.write(chunk.length);
    return this.output.splice(0);
  }

  private addToString(byte: number, at: number): void {
    if (this.escaped) {
      this.escaped = false;
      if (byte === LETTER_U) this.hasCode = true;
    } else if (byte === BACKSLASH) this.escaped = true;
    else if (byte === QUOTE) {
      this.inString = false;
      if (this.capture === 'string') this.endString(at);
    }
  }

  private addOutside(byte: number, at: number): void {
    if (this.capture === 'scalar') {
      if (!ENDS.has(byte)) return;
      this.endScalar(at);
    }
    switch (byte) {
      case QUOTE:
        [this.inString, this.hasCode] = [true, false];
        if (this.capture !== 'nested' && (this.isRelevant() || this.geometry.isAtMember)) this.start('string', at);
        return;
      case COLON:
        if (this.capture === 'nested') return;
        if (this.isRelevant()) this.startMember();
        else if (this.geometry.isAtMember) this.geometry.startMember(textOf(this.string));
        return;
      case COMMA:
        this.geometry.addComma();
        if (this.capture !== 'nested') this.afterColon = false;
        return;
      case OPEN_BRACE:
      case OPEN_BRACKET:
        return this.open(byte, at);
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        return this.close(at);
      case RECORD_SEPARATOR:
        if (this.depth === 0) this.replace(at, at + 1, '\n');
        return;
      default:
        if (this.afterColon && this.isValue() && this.capture === undefined && !BLANKS.has(byte))
          this.start('scalar', at);
    }
  }

  /** Whether strings at this place can be keys or values that matter. */
  private isRelevant(): boolean {
    return this.depth === OF_ITS_OWN || this.atFeature() || this.atProperties();
  }

  /** Whether the value after a colon is rewritten. */
  private isValue(): boolean {
    return this.atProperties() || (this.key === 'id' && this.atFeature()) || this.isOther();
  }

  /** Whether the current member is one of a feature that GDAL reads as a property where `properties` is missing. */
  private isOther(): boolean {
    const inFeature = this.depth === OF_ITS_OWN ? this.textType === 'Feature' : this.atFeature();
    return inFeature && this.key !== 'id' && !KNOWN_MEMBERS.has(this.key);
  }

  private atFeature(): boolean {
    return this.depth === OF_ITS_OWN || (this.depth === IN_COLLECTION && this.topKey === 'features');
  }

  private atProperties(): boolean {
    return this.propertiesDepth !== 0 && this.depth === this.propertiesDepth;
  }

  private start(capture: 'string' | 'scalar' | 'nested', at: number): void {
    [this.capture, this.from] = [capture, at];
    if (capture !== 'string') this.write(at);
  }

  /** The bytes since the start of the capture, which ends before `end`. */
  private endCapture(end: number): Buffer {
    const last = this.chunk.subarray(this.from, end);
    const all = this.captured.length === 0 ? last : Buffer.concat([...this.captured, last]);
    this.captured = [];
    this.capture = undefined;
    return all;
  }

  private endString(at: number): void {
    const text = this.endCapture(at + 1);
    if (!this.afterColon) this.string = text;
    else if (this.isValue()) {
      if (this.hasCode && !textOf(text).isWellFormed()) this.facts.brokenTexts++;
      this.addValue((facts) => facts.addString(text), text.toString('utf8', 1, text.length - 1));
    }
    if (this.afterColon && this.depth === OF_ITS_OWN && this.key === 'type')
      this.textType = text.toString('latin1', 1, text.length - 1);
  }

  private endScalar(at: number): void {
    const token = this.endCapture(at).toString('latin1');
    if (token === 'null' && this.atProperties() && this.facts.properties.get(this.key)?.feature === this.feature)
      this.countRepeated();
    if (!SCALAR.test(token)) return this.emit(token, at);
    this.addValue((facts) => facts.addScalar(token), token);
    this.emit(`"${token}"`, at);
  }

  private addValue(add: (facts: JsonFacts) => void, text: string): void {
    const isProperty = this.atProperties();
    if (!isProperty && this.key === 'id') {
      this.facts.ids ??= new JsonFacts();
      add(this.facts.ids);
      this.id = text;
      return;
    }
    if (!isProperty) this.hasOthers = true;
    else if (this.key === 'id') this.propertyId = text;
    const known = isProperty ? this.facts.properties : this.facts.members;
    let facts = known.get(this.key);
    if (facts === undefined) known.set(this.key, (facts = new JsonFacts()));
    if (facts.feature === this.feature) this.countRepeated();
    facts.feature = this.feature;
    add(facts);
  }

  private countRepeated(): void {
    if (this.repeatedIn === this.feature) return;
    this.repeatedIn = this.feature;
    if (this.facts.repeatedKeys.features++ === 0) this.facts.repeatedKeys.first = this.key;
  }

  private startMember(): void {
    this.afterColon = true;
    this.key = textOf(this.string);
    if (this.depth === OF_ITS_OWN) {
      this.topKey = this.key;
      this.geometry.startTopMember(this.key);
    }
    if (this.atProperties()) return;
    if (UNREAD_MEMBERS.has(this.key) && (this.depth > OF_ITS_OWN || this.textType === 'Feature')) {
      this.hasOthers = true;
      this.facts.unreadMembers.add(this.key);
    }
    if (!KNOWN_ONCE.has(this.key)) return;
    if (this.members.includes(this.key)) this.countRepeated();
    this.members.push(this.key);
  }

  private open(byte: number, at: number): void {
    if (this.depth === 0 && byte === OPEN_BRACE) {
      if (this.texts++ > 0) this.insert(at, ',');
      if (this.wrapped.has(this.texts)) this.insert(at, FEATURE_START);
      [this.topKey, this.textType] = ['', ''];
    }
    const isValue = this.capture === undefined && this.afterColon && (this.atProperties() || this.isOther());
    if (isValue) {
      this.start('nested', at);
      this.nestedDepth = this.depth;
    }
    const isMember = byte === OPEN_BRACE && this.afterColon && this.atFeature();
    const startsProperties = isMember && this.key === 'properties';
    if (this.geometry.isOpen || (isMember && this.key === 'geometry')) this.geometry.open(byte);
    this.depth++;
    if (this.capture === 'nested') return;
    if (startsProperties) [this.propertiesDepth, this.hasProperties] = [this.depth, true];
    this.afterColon = false;
  }

  private close(at: number): void {
    this.depth--;
    if (this.capture === 'nested') {
      if (this.depth > this.nestedDepth) return;
      const text = this.endCapture(at + 1).toString('utf8');
      this.addValue((facts) => facts.addNested(text), text);
      return this.emit(JSON.stringify(text), at + 1);
    }
    this.afterColon = false;
    if (this.geometry.isOpen) this.geometry.close(this.chunk[at] as number);
    if (this.propertiesDepth > this.depth) this.propertiesDepth = 0;
    const endsFeature = this.depth === 0 || (this.depth === IN_COLLECTION - 1 && this.topKey === 'features');
    if (endsFeature) this.endFeature();
    if (this.depth === 0) this.endText(at);
  }

  private endFeature(): void {
    if (this.id !== undefined && this.propertyId !== undefined && this.id !== this.propertyId) this.facts.hiddenIds++;
    if (this.hasProperties && this.hasOthers) this.facts.droppedMembers++;
    this.geometry.end(this.depth === 0 ? this.textType : 'Feature');
    this.feature++;
    [this.id, this.propertyId, this.members] = [undefined, undefined, []];
    [this.hasProperties, this.hasOthers] = [false, false];
  }

  private endText(at: number): void {
    if (GEOMETRY_TYPES.has(this.textType)) this.geometries.push(this.texts);
    else if (this.textType !== 'Feature') this.isReadable = false;
    if (this.wrapped.has(this.texts)) this.insert(at + 1, FEATURE_END);
  }

  /** Writes the bytes before `end` that are not written yet. */
  private write(end: number): void {
    if (end > this.written) this.output.push(this.chunk.subarray(this.written, end));
    this.written = end;
  }

  /** Writes a text in the place of the bytes since the last written one. */
  private emit(text: string, end: number): void {
    this.output.push(Buffer.from(text));
    this.written = end;
  }

  private insert(at: number, text: string): void {
    this.replace(at, at, text);
  }

  private replace(from: number, to: number, text: string): void {
    this.write(from);
    this.emit(text, to);
  }
}
