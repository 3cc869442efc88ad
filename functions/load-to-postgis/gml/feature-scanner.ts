import { type MarkupHandler, MarkupReader, parseStartTag } from '../readers/markup-reader.ts';
import { FeaturePaths } from './feature-paths.ts';
import { isGeometryName } from './geometry-tags.ts';

/**
 * Finds what GDAL leaves out or changes in the features of a GML document without a message: attributes of features,
 * of elements with `xsi:nil` and of geometries, what a schema does not declare, text beside elements, and white space
 * before a text.
 */

/** The names of attributes that are not data. A value with `xsi:nil` is null. */
const NO_DATA = /^xmlns(?::|$)|^xsi:/;
/** GDAL reads the first of these as the id of a feature. */
const IDS = new Set(['fid', 'gml:id']);
/** Attributes of GML of the elements of geometries, without prefixes. They are about the encoding of the geometry. */
const OF_GEOMETRIES = new Set([
  ...['id', 'gid', 'srsName', 'srsDimension', 'axisLabels', 'uomLabels', 'dimension', 'decimal', 'cs', 'ts', 'count'],
  ...['orientation', 'interpolation', 'numArc', 'numDerivativesAtStart', 'numDerivativesAtEnd', 'knotType', 'uom'],
  ...['numDerivativeInterior', 'aggregationType', 'owns'],
]);
/** An attribute of XLink that describes a reference. */
const OF_REFERENCE = /^xlink:(?!href$)/;
/** Attributes that GDAL assigns to the next element without parts that ends, and the suffixes of their columns. */
const ASSIGNED_LATER = new Map([
  ['uom', '_uom'],
  ['xlink:href', '_href'],
  ['value', ''],
]);
const NOT_BLANK = /[^ \t\r\n]/;
/** White space, also as a reference. */
const STARTS_BLANK = /^(?:[ \t\r\n]|&#(?:9|10|13|32|x0*(?:9|a|d|20));)/i;
/** The longest text that STARTS_BLANK needs. */
const START_CHARACTERS = 16;
/** Elements of CityGML with the name of a column in an attribute, and its value in an element. */
const GENERIC_ATTRIBUTE = /^(?:string|int|double|date|uri|measure)Attribute$/;
/** Largest number of different names that are counted. */
const MAX_COUNTED = 2_000;

/** The layer of the features, with the fields that GDAL reads. */
export interface ScannedLayer {
  name: string;
  fields: readonly { name: string }[];
}

/** Scans the features of `layer`. Chunks are UTF-8, and can end anywhere. Takes one pass, and little memory. */
export async function scanFeatures(chunks: AsyncIterable<Buffer>, layer: ScannedLayer): Promise<FeatureScanner> {
  const scanner = new FeatureScanner(layer);
  const reader = new MarkupReader(scanner);
  for await (const chunk of chunks) reader.add(chunk.toString('latin1')); // Markup is ASCII.
  return scanner;
}

interface OpenElement {
  name: string;
  isNil: boolean;
  /** Whether it has an attribute `value`, which GDAL reads as its text when it has none. */
  hasValueAttribute: boolean;
  hasElements: boolean;
  /** Text that is not blank, and any text. */
  hasText: boolean;
  hasAnyText: boolean;
  /** The first characters of its text. */
  start: string;
}

/** Numbers by names of elements. Names are bytes (Latin-1). */
type Counts = Map<string, number>;

export class FeatureScanner implements MarkupHandler {
  readonly paths = new FeaturePaths();
  /** Attributes that GDAL does not read, texts that it does not read, and those whose first white space it removes. */
  readonly droppedAttributes: Counts = new Map();
  readonly droppedTexts: Counts = new Map();
  readonly trimmedTexts: Counts = new Map();
  /** The first attribute of an element with parts that GDAL assigns to another element. */
  misassigned: { attribute: string; element: string } | undefined;
  /** The last values of ASSIGNED_LATER, by their names in columns, that no element has yet. */
  readonly #pending = new Map<string, { attribute: string; owner: OpenElement }>();
  readonly #feature: string;
  readonly #fields: ReadonlySet<string>;
  /** The open elements of the current feature. */
  readonly #open: OpenElement[] = [];
  /** Open elements of a geometry or an envelope. */
  #skipped = 0;
  #isGeometry = false;

  constructor({ name, fields }: ScannedLayer) {
    this.#feature = asLatin1(name);
    this.#fields = new Set(fields.map((field) => elementOf(field.name)));
  }

  addText(text: string): void {
    const element = this.#open.at(-1);
    if (element === undefined || this.#skipped > 0) return;
    element.hasAnyText = true;
    if (element.start.length < START_CHARACTERS) element.start += text.slice(0, START_CHARACTERS);
    if (element.hasText || !NOT_BLANK.test(text)) return;
    element.hasText = true;
    if (element.hasElements) count(this.droppedTexts, element.name);
  }

  addTag(tag: string): void {
    if (tag.startsWith('</')) return this.#end();
    const { prefix, name, isEmpty } = parseStartTag(tag);
    if (this.#open.length === 0 && name !== this.#feature) return;
    const attributes = tag.slice(prefix === '' ? name.length + 1 : prefix.length + name.length + 2, isEmpty ? -2 : -1);
    this.#start(prefix, name, attributes.trim() === '' ? new Map<string, string>() : parseAttributes(attributes));
    if (isEmpty) this.#end();
  }

  addLongTag(): void {}

  #start(prefix: string, name: string, attributes: ReadonlyMap<string, string>): void {
    const parent = this.#open.at(-1);
    const isGeometry = parent !== undefined && isGeometryName(name);
    if (this.#skipped === 0 && parent?.hasText === true && !parent.hasElements) count(this.droppedTexts, parent.name);
    if (this.#skipped === 0 && parent !== undefined) parent.hasElements = true;
    if (this.#skipped > 0 || isGeometry || (parent !== undefined && name === 'boundedBy')) {
      if (this.#skipped++ === 0) this.#isGeometry = isGeometry;
      if (this.#isGeometry) this.#addGeometryAttributes(name, attributes);
      return;
    }
    const isNil = ['true', '1'].includes(attributes.get('xsi:nil') ?? '');
    const hasValueAttribute = attributes.has('value') && !isNil && parent !== undefined;
    const texts = { hasElements: false, hasText: false, hasAnyText: false, start: '' };
    const element = { name, isNil, hasValueAttribute, ...texts };
    this.#open.push(element);
    this.paths.start(prefix, name);
    if (attributes.size === 0) return;
    if (attributes.get('xsi:nil')?.toLowerCase() === 'true') this.paths.addNull();
    if (!isNil && parent !== undefined)
      for (const attribute of attributes.keys())
        if (ASSIGNED_LATER.has(attribute)) this.#pending.set(attribute, { attribute, owner: element });
    this.#addAttributes(name, attributes, { isNil, isFeature: parent === undefined });
  }

  #end(): void {
    if (this.#skipped > 0) {
      this.#skipped--;
      return;
    }
    const element = this.#open.pop();
    if (element === undefined) return;
    if (!element.hasElements) this.#assign(element);
    const { name, isNil, hasElements, hasText, hasAnyText, start, hasValueAttribute } = element;
    const isField = this.#fields.has(name);
    const isGeneric = name === 'value' && GENERIC_ATTRIBUTE.test(this.#open.at(-1)?.name ?? '');
    const isText = hasText && !hasElements;
    if (isText && !isField && !isGeneric) count(this.droppedTexts, name);
    if (isText && isField && STARTS_BLANK.test(start)) count(this.trimmedTexts, name);
    const isValue = !hasElements && (hasAnyText || hasValueAttribute);
    if (isField && isValue && !isNil) this.paths.addValue();
    if (hasValueAttribute && !(isField && !hasAnyText && !hasElements))
      count(this.droppedAttributes, `value of <${name}>`);
    this.paths.end();
  }

  /** Assigns pending attributes to an element without parts, as GDAL does. */
  #assign(element: OpenElement): void {
    if (this.#pending.size === 0) return;
    for (const { attribute, owner } of this.#pending.values()) {
      const isColumn = this.#fields.has(`${element.name}${ASSIGNED_LATER.get(attribute) ?? ''}`);
      if (owner === element || !isColumn || (attribute === 'value' && element.hasAnyText)) continue;
      this.misassigned ??= { attribute: `${attribute} of <${owner.name}>`, element: `<${element.name}>` };
    }
    this.#pending.clear();
  }

  #addAttributes(
    element: string,
    attributes: ReadonlyMap<string, string>,
    { isNil, isFeature }: { isNil: boolean; isFeature: boolean },
  ): void {
    const id = isFeature ? attributes.keys().find((name) => IDS.has(name)) : undefined;
    for (const name of attributes.keys()) {
      if (name === id || NO_DATA.test(name) || (name === 'value' && !isNil && !isFeature)) continue;
      const isField = !isFeature && !isNil && this.#fields.has(`${element}_${name.replace(/^.*:/, '')}`);
      if (isField) this.paths.addAttribute(name);
      else count(this.droppedAttributes, `${name} of <${element}>`);
    }
  }

  #addGeometryAttributes(element: string, attributes: ReadonlyMap<string, string>): void {
    for (const name of attributes.keys()) {
      const isKnown = OF_GEOMETRIES.has(name.slice(name.indexOf(':') + 1)) || OF_REFERENCE.test(name);
      if (!isKnown && !NO_DATA.test(name)) count(this.droppedAttributes, `${name} of <${element}>`);
    }
  }
}

function count(counts: Counts, latin1: string): void {
  const known = counts.get(latin1);
  if (known !== undefined) counts.set(latin1, known + 1);
  else if (counts.size < MAX_COUNTED) counts.set(Buffer.from(latin1, 'latin1').toString('latin1'), 1);
}

/** The values of attributes, in their order. References are as they are written. */
function parseAttributes(attributes: string): Map<string, string> {
  const values = new Map<string, string>();
  const quotes = /["']/g;
  for (let quote = quotes.exec(attributes), at = 0; quote !== null; quote = quotes.exec(attributes)) {
    const name = attributes.slice(at, quote.index).replace('=', '').trim();
    const end = attributes.indexOf(quote[0], quote.index + 1);
    if (end < 0) break;
    values.set(name, attributes.slice(quote.index + 1, end));
    at = end + 1;
    quotes.lastIndex = at;
  }
  return values;
}

/**
 * The element of a field, or the element and the attribute, in Latin-1. GDAL writes the path of an element before a
 * name that is not unique, or underscores after it.
 */
export function elementOf(field: string): string {
  return asLatin1(field.slice(field.lastIndexOf('|') + 1).replace(/(?<!_)_+$/, ''));
}

function asLatin1(name: string): string {
  return Buffer.from(name, 'utf8').toString('latin1');
}
