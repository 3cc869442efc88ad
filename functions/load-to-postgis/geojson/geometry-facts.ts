import { GEOMETRY_TYPES } from './geojson-names.ts';

const OPEN_BRACE = 0x7b;
const CLOSE_BRACKET = 0x5d;
/** Numbers of a position that GDAL reads, and those of one without a height. */
const [MAX_NUMBERS, FLAT_NUMBERS] = [3, 2];
/** Members of a geometry that have a meaning, also in the version before RFC 7946. */
const MEMBERS = new Set(['type', 'coordinates', 'geometries', 'bbox', 'crs']);

/** What GDAL leaves out or adds in geometries. */
export interface GeometryFacts {
  /** Positions with more than three numbers, of which GDAL reads three. */
  longPositions: number;
  /** Geometries with positions of two numbers, whose heights GDAL reads as 0, and others. */
  mixedHeights: number;
  /** Geometries with members that GeoJSON does not have, and the first of these members. */
  foreign: { geometries: number; first: string };
}

export function noGeometryFacts(): GeometryFacts {
  return { longPositions: 0, mixedHeights: 0, foreign: { geometries: 0, first: '' } };
}

/** The geometry of a feature, or a text that can be a geometry. */
interface Geometry {
  longPositions: number;
  isFlat: boolean;
  hasHeights: boolean;
  foreign: string | undefined;
}

/** Scans the geometries of a GeoJSON text. It receives their brackets, commas and keys. */
export class GeometryScanner {
  readonly #facts: GeometryFacts;
  #ofFeature = newGeometry();
  #ofText = newGeometry();
  #current = this.#ofText;
  /** Open brackets since the start of the outermost geometry; 0 outside of geometries. */
  #depth = 0;
  /** The depth of the members of the innermost geometry, and the key of its current member. */
  #memberDepth = 0;
  #member = '';
  /** The commas since the last bracket. */
  #commas = 0;

  constructor(facts: GeometryFacts) {
    this.#facts = facts;
  }

  /** Whether strings at this place can be keys of a geometry. */
  get isAtMember(): boolean {
    return this.#depth > 0 && this.#depth === this.#memberDepth;
  }

  get isOpen(): boolean {
    return this.#depth > 0;
  }

  /** A member of a text of which it is not known yet whether it is a geometry. */
  startTopMember(key: string): void {
    const depth = key === 'coordinates' || key === 'geometries' ? 1 : 0;
    [this.#depth, this.#memberDepth, this.#member] = [depth, depth, key];
    this.#current = this.#ofText;
  }

  /** A member of the innermost geometry. */
  startMember(key: string): void {
    this.#member = key;
    if (!MEMBERS.has(key)) this.#current.foreign ??= key;
  }

  addComma(): void {
    this.#commas++;
  }

  /** Outside of a geometry, the bracket starts the one of a feature. */
  open(byte: number): void {
    if (this.#depth === 0) this.#current = this.#ofFeature = newGeometry();
    const isPart = this.#member === 'geometries' && this.#depth === this.#memberDepth + 1;
    const isGeometry = byte === OPEN_BRACE && (this.#depth === 0 || isPart);
    this.#depth++;
    this.#commas = 0;
    if (isGeometry) [this.#memberDepth, this.#member] = [this.#depth, ''];
  }

  /** `byte` closes the last open bracket. Members that are not `coordinates` can also have lists of numbers. */
  close(byte: number): void {
    if (byte === CLOSE_BRACKET && this.#commas > 0 && this.#member === 'coordinates') this.#addPosition();
    this.#commas = 0;
    this.#depth--;
    if (this.#depth >= this.#memberDepth) return;
    // A part of a collection is two brackets below the members of the collection.
    [this.#memberDepth, this.#member] = [Math.max(this.#depth - 1, 0), 'geometries'];
  }

  #addPosition(): void {
    const numbers = this.#commas + 1;
    if (numbers > MAX_NUMBERS) this.#current.longPositions++;
    if (numbers === FLAT_NUMBERS) this.#current.isFlat = true;
    else this.#current.hasHeights = true;
  }

  /** Ends an object of this type: a feature, or a text. */
  end(type: string): void {
    const geometry = type === 'Feature' ? this.#ofFeature : GEOMETRY_TYPES.has(type) ? this.#ofText : newGeometry();
    this.#facts.longPositions += geometry.longPositions;
    if (geometry.isFlat && geometry.hasHeights) this.#facts.mixedHeights++;
    if (geometry.foreign !== undefined && this.#facts.foreign.geometries++ === 0)
      this.#facts.foreign.first = geometry.foreign;
    [this.#ofFeature, this.#ofText] = [newGeometry(), newGeometry()];
    this.#current = this.#ofText;
  }
}

function newGeometry(): Geometry {
  return { longPositions: 0, isFlat: false, hasHeights: false, foreign: undefined };
}
