import { copyOf } from '../readers/markup-reader.ts';

/**
 * The elements and attributes of the features of a GML layer by their paths, as GDAL makes columns of them. It makes
 * one column of elements with the same names and different prefixes, and a list of the values of an element that a
 * feature repeats. Lists do not have the places of missing values.
 */

/** Limit for paths. A table has fewer columns; elements without values can have more paths. */
const MAX_PATHS = 10_000;
/** Largest number of different findings that are kept. */
const MAX_FINDINGS = 1_000;
/** The keys of attributes that GDAL reads without a prefix (`uom`, `xlink:href`), and of others with these names. */
const UNITS = new Set(['@uom', '@href']);
/** The key of the text of an element among its parts. Attributes have keys with an at sign. */
const TEXT = '';

interface Path {
  /** Name of the element or attribute, without its prefix. */
  name: string;
  /** The name as the file writes it, for messages. */
  label: string;
  owner: Path | undefined;
  /** The elements and attributes of the element, and its text. */
  parts: Map<string, Path>;
  /** The number of the last feature that has it. The other members are about this feature. */
  feature: number;
  /** How often it occurs, and in how many elements. */
  count: number;
  owners: number;
  lastOwner: number;
  /** Whether it or a part has a value. */
  hasValue: boolean;
  /** Whether one of its elements is null (`xsi:nil`). */
  isNull: boolean;
}

interface OpenElement {
  /** The path of the element. Undefined if the file has more than MAX_PATHS paths. */
  path: Path | undefined;
  /** The number of the element in the document. */
  element: number;
}

/** An attribute and an element, or another attribute, for which GDAL has the same name of a column. */
export interface Collision {
  attribute: string;
  element: string;
  column: string;
}

/** Receives the elements of features in order. */
export class FeaturePaths {
  /** Parts of repeated elements whose values GDAL does not assign to these elements, with the number of features. */
  readonly unassigned = new Map<string, number>();
  /** Texts of repeated elements that GDAL reads as null, because one of these elements is null. */
  readonly nulled = new Map<string, number>();
  /** Different elements or attributes in one column, with the number of changes between them. */
  readonly merged = new Map<string, number>();
  /** The first attribute for which GDAL has the same column as for another one, of which it reads one. */
  #collision: Collision | undefined;
  readonly #root = newPath('', '', undefined);
  readonly #open: OpenElement[] = [];
  #paths = 0;
  #feature = 0;
  #elements = 0;
  /** The paths of the current feature. */
  #used: Path[] = [];

  /** Starts a feature, or an element in it. */
  start(prefix: string, name: string): void {
    const parent = this.#open.at(-1);
    if (parent === undefined) {
      this.#feature++;
      Object.assign(this.#root, { feature: this.#feature, count: 1, hasValue: true });
    }
    const label = `<${prefix === '' ? '' : `${prefix}:`}${name}>`;
    const path = parent === undefined ? this.#root : this.#use(parent, name, name, label);
    this.#open.push({ path, element: ++this.#elements });
  }

  /** Adds an attribute of the open element that is a column. */
  addAttribute(name: string): void {
    const element = this.#open.at(-1);
    if (element === undefined) return;
    const local = name.slice(name.indexOf(':') + 1);
    markValue(this.#use(element, `@${local}`, local, name));
  }

  /** Adds the text of the open element. */
  addValue(): void {
    const element = this.#open.at(-1);
    if (element !== undefined) markValue(this.#use(element, TEXT, '', 'text'));
  }

  /** Records that the open element is null. */
  addNull(): void {
    const path = this.#open.at(-1)?.path;
    if (path !== undefined) path.isNull = true;
  }

  /** Ends the open element. */
  end(): void {
    this.#open.pop();
    if (this.#open.length > 0) return;
    for (const path of this.#used) {
      const { owner, count, owners, hasValue } = path;
      if (owner === undefined || owner.count <= 1 || !hasValue) continue;
      if (owner.isNull && path === owner.parts.get(TEXT)) addTo(this.nulled, owner.label, count);
      else if (count !== owner.count || owners !== owner.count)
        addTo(this.unassigned, `${path.label} of ${owner.label}`);
    }
    this.#used = [];
  }

  /** The first attribute of an element `h` whose column `h_a` is also the one of an element with this name. */
  collision(): Collision | undefined {
    if (this.#collision !== undefined) return this.#collision;
    const paths = [this.#root];
    for (let path = paths.pop(); path !== undefined; path = paths.pop())
      for (const [key, part] of path.parts) {
        if (part.parts.size > 0) paths.push(part);
        const column = `${path.name}_${part.name}`;
        const other = key.startsWith('@') ? path.owner?.parts.get(column) : undefined;
        if (other?.parts.has(TEXT) === true)
          return { attribute: `${part.label} of ${path.label}`, element: other.label, column };
      }
    return undefined;
  }

  #addMerged({ name, label, owner }: Path, key: string, other: string): void {
    if (UNITS.has(key) && owner !== undefined)
      this.#collision ??= {
        attribute: `${copyOf(other)} of ${owner.label}`,
        element: `the attribute ${label}`,
        column: `${owner.name}_${name}`,
      };
    else addTo(this.merged, `${label} and ${other}`);
  }

  /** Counts a part of an open element. */
  #use({ path: owner, element }: OpenElement, key: string, name: string, label: string): Path | undefined {
    if (owner === undefined) return undefined;
    let path = owner.parts.get(key);
    if (path === undefined) {
      if (++this.#paths > MAX_PATHS) return undefined;
      path = newPath(copyOf(name), copyOf(label), owner);
      owner.parts.set(copyOf(key), path);
    } else if (path.label !== label) this.#addMerged(path, key, label);
    if (path.feature !== this.#feature) {
      Object.assign(path, { ...UNUSED, feature: this.#feature });
      this.#used.push(path);
    }
    path.count++;
    if (path.lastOwner !== element) path.owners++;
    path.lastOwner = element;
    return path;
  }
}

/** Initial counters of a path that the current feature does not contain. */
const UNUSED = { feature: 0, count: 0, owners: 0, lastOwner: 0, hasValue: false, isNull: false };

function newPath(name: string, label: string, owner: Path | undefined): Path {
  return { name, label, owner, parts: new Map(), ...UNUSED };
}

/** Marks a path, and the elements around it that are not marked yet. */
function markValue(path: Path | undefined): void {
  for (let marked = path; marked?.hasValue === false; marked = marked.owner) marked.hasValue = true;
}

function addTo(counts: Map<string, number>, label: string, number = 1): void {
  const count = counts.get(label);
  if (count !== undefined) counts.set(label, count + number);
  else if (counts.size < MAX_FINDINGS) counts.set(copyOf(label), number);
}
