import { SluiceError } from '#shared/errors/sluice-error.ts';
import { utf16Of } from '#shared/text/utf8.ts';
import {
  GmlPrefixes,
  MAX_GML_PREFIXES,
  MAX_TAG_CHARACTERS,
  type MarkupHandler,
  MarkupReader,
  parseStartTag,
} from '../readers/markup-reader.ts';

/** Finds the geometries of a GML document of any size. */

/** The names of the geometries of GML 2 and 3, including those that are parts of others. */
const GEOMETRY_NAME =
  /^(?:(?:Multi)?(?:Point|LineString|Polygon|Curve|Surface|Geometry|Solid)|Composite(?:Curve|Surface|Solid)|OrientableCurve|OrientableSurface|PolyhedralSurface|TriangulatedSurface|Tin|LinearRing|Ring)$/;

const ENVELOPES = new Set(['Envelope', 'EnvelopeWithTimePeriod', 'Box']);

/** Whether a geometry has the name of an element. The name has no prefix. */
export function isGeometryName(name: string): boolean {
  return GEOMETRY_NAME.test(name);
}

/** The start tag of a geometry that is not part of another one. `srsName` includes the tags of parts and envelopes. */
export interface GeometryTag {
  tag: string;
  kind: 'geometry' | 'part' | 'envelope';
  /** Whether a feature of the layer contains it. */
  isInLayer: boolean;
}

/** Yields, for each chunk, the tags that contain or describe geometries. `layer`: the name of features. */
export async function* geometryTags(
  chunks: AsyncIterable<Buffer>,
  { file, layer }: { file: string; layer?: string | undefined },
): AsyncGenerator<GeometryTag[]> {
  const scanner = new GeometryScanner(file, layer);
  const reader = new MarkupReader(scanner);
  let decoder: TextDecoder | undefined;
  for await (const chunk of chunks) {
    decoder ??= new TextDecoder(utf16Of(chunk) ?? 'utf-8');
    reader.add(decoder.decode(chunk, { stream: true }));
    yield scanner.takeTags();
  }
}

/** Collects the tags of geometries. Throws FILE_UNREADABLE. */
class GeometryScanner implements MarkupHandler {
  readonly #file: string;
  readonly #layer: string | undefined;
  readonly #prefixes = new GmlPrefixes();
  #tags: GeometryTag[] = [];
  /** Open geometries, and open elements with the name of the layer. */
  #geometries = 0;
  #features = 0;

  constructor(file: string, layer: string | undefined) {
    this.#file = file;
    this.#layer = layer;
  }

  takeTags(): GeometryTag[] {
    const tags = this.#tags;
    this.#tags = [];
    return tags;
  }

  addText(): void {}

  addTag(tag: string): void {
    if (!this.#prefixes.add(tag)) throw this.#unreadable(`declares more than ${MAX_GML_PREFIXES} prefixes of GML`);
    const isEnd = tag.startsWith('</');
    const { prefix, name, isEmpty } = parseStartTag(isEnd ? `<${tag.slice(2)}` : tag);
    if (isEmpty) return;
    if (name === this.#layer) this.#features += isEnd ? -1 : 1;
    if (!this.#prefixes.has(prefix)) return;
    const isGeometry = isGeometryName(name);
    if (isEnd) this.#geometries -= isGeometry ? 1 : 0;
    else this.#addStart(tag, name, isGeometry);
  }

  #addStart(tag: string, name: string, isGeometry: boolean): void {
    const isOutermost = isGeometry && this.#geometries === 0;
    if (isGeometry) this.#geometries++;
    const kind = isOutermost
      ? 'geometry'
      : this.#geometries > 0
        ? 'part'
        : ENVELOPES.has(name)
          ? 'envelope'
          : undefined;
    if (kind === undefined || !(isOutermost || tag.includes('srsName'))) return;
    this.#tags.push({ tag, kind, isInLayer: this.#layer === undefined || this.#features > 0 });
  }

  addLongTag(): void {
    throw this.#unreadable(`has a tag with more than ${MAX_TAG_CHARACTERS} characters`);
  }

  #unreadable(problem: string): SluiceError {
    return new SluiceError('FILE_UNREADABLE', `${this.#file} ${problem}.`, { details: { file: this.#file } });
  }
}
