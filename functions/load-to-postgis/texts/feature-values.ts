import { fieldNameOf } from './kml-texts.ts';
import type { Element } from '../readers/markup-reader.ts';

/**
 * Finds values of KML placemarks and GPX features that GDAL leaves out without a message: it keeps the last of several
 * values of a column, and does not read attributes of the extensions of GPX and elements that GPX does not have.
 */

/** Receives a value. The rest of a message about a number of values is `predicate`. */
export type Find = (code: string, column: string | undefined, value: string, predicate: string) => void;

/** The values of the columns of a placemark. GDAL does not distinguish the case of their names. */
export class KmlValues {
  readonly #find: Find;
  #values: Map<string, string> | undefined;
  #depth = 0;
  #data: string | undefined;

  constructor(find: Find) {
    this.#find = find;
  }

  add({ isEnd, name, attributes, text }: Element): void {
    if (name === 'Placemark') [this.#values, this.#depth] = [isEnd ? undefined : new Map(), 0];
    else if (this.#values === undefined) return;
    else if (isEnd) this.#depth--;
    else {
      this.#depth++;
      if (name === 'Data') this.#data = fieldNameOf(attributes);
      const isOwn = this.#depth === 1 && (name === 'name' || name === 'description');
      if (isOwn) this.#addValue(name, text);
      else if (name === 'SimpleData') this.#addValue(fieldNameOf(attributes), text);
      else if (name === 'value') this.#addValue(this.#data, text);
    }
  }

  #addValue(name: string | undefined, text: string): void {
    if (name === undefined || this.#values === undefined) return;
    const key = name.toLowerCase();
    const value = text.trim();
    const before = this.#values.get(key);
    this.#values.set(key, value);
    if (before === undefined || before === '' || before === value) return;
    const predicate = `values of column ${JSON.stringify(name)} were left out, because their placemarks have another`;
    this.#find('KEYS_REPEATED', name, before, `${predicate} value with this name, in upper or lower case.`);
  }
}

/** Elements of a feature of GPX with one value, and those with others. */
const GPX_VALUES = new Set([
  ...['ele', 'time', 'magvar', 'geoidheight', 'name', 'cmt', 'desc', 'src', 'sym', 'type', 'fix', 'sat', 'number'],
  ...['hdop', 'vdop', 'pdop', 'ageofdgpsdata', 'dgpsid', 'course', 'speed', 'url', 'urlname'],
]);
const GPX_OTHERS = new Set(['link', 'extensions', 'rtept', 'trkseg']);
const GPX_POSITION = new Set(['lat', 'lon']);
const ATTRIBUTE_NAME = /\s([^\s=]+)\s*=\s*(?:"[^"]*"|'[^']*')/g;

/** The values of the columns of a feature. `feature` is its element. */
export class GpxValues {
  readonly #find: Find;
  readonly #feature: string | undefined;
  #values: Map<string, string> | undefined;
  #depth = 0;
  #isExtension = false;

  constructor(feature: string | undefined, find: Find) {
    this.#feature = feature;
    this.#find = find;
  }

  add(element: Element): void {
    const { isEnd, name, prefix, text } = element;
    if (this.#values === undefined) {
      if (isEnd || name !== this.#feature) return;
      [this.#values, this.#depth] = [new Map(), 0];
      this.#addAttributes(element, GPX_POSITION);
      return;
    }
    if (isEnd) {
      if (this.#depth-- === 0) this.#values = undefined;
      return;
    }
    this.#depth++;
    if (this.#depth === 1) {
      this.#isExtension = name === 'extensions';
      if (GPX_VALUES.has(name)) this.#addValue(name, text);
      else if (!GPX_OTHERS.has(name))
        this.#find('VALUES_MISSING', undefined, text.trim(), `elements <${name}> were left out.`);
    } else if (this.#depth === 2 && this.#isExtension) {
      this.#addValue(prefix === '' ? name : `${prefix}_${name}`, text);
      this.#addAttributes(element, new Set());
    }
  }

  #addValue(column: string, text: string): void {
    const value = text.trim();
    const before = this.#values?.get(column);
    this.#values?.set(column, value);
    if (before === undefined || before === '' || before === value) return;
    const predicate = `values of column ${JSON.stringify(column)} were left out, because their features have another`;
    this.#find('KEYS_REPEATED', column, before, `${predicate} value with this name.`);
  }

  #addAttributes({ name, attributes }: Element, known: ReadonlySet<string>): void {
    for (const [attribute, attributeName = ''] of attributes.matchAll(ATTRIBUTE_NAME)) {
      if (known.has(attributeName) || /^xmlns(?::|$)|^xsi:/.test(attributeName)) continue;
      this.#find('ATTRIBUTES_DROPPED', undefined, attribute.trim(), `attributes of elements <${name}> were left out.`);
    }
  }
}
