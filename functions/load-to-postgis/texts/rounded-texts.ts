import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Note } from '#shared/contracts/shared-schemas.ts';
import { withZipArchive } from '#shared/formats/zip.ts';
import type { Layer } from '#shared/gdal/layers.ts';
import { isExactDouble, TextFacts } from './text-facts.ts';
import { readFirstBytes } from '#shared/formats/signatures.ts';
import { readChunks } from '#shared/streams/file-streams.ts';
import { asUtf8, utf16Of } from '#shared/text/utf8.ts';
import type { VectorSource } from '../vector-source.ts';
import { declaredType, timeTypeOf } from '../readers/table-reader.ts';
import type { LoadContext } from '../load-context.ts';
import { declaredTypeOf, fieldNameOf } from './kml-texts.ts';
import { GpxValues, KmlValues } from './feature-values.ts';
import { type Element, ElementReader, MarkupReader } from '../readers/markup-reader.ts';

/**
 * Notes the texts of KML and GPX that GDAL rounds or leaves out without a message: times beyond milliseconds, numbers
 * with more digits than a double, ids and other elements of placemarks, times of the positions of a track, data without
 * a schema beside data with one, white space around data of a KMZ, further links of GPX.
 */

const BYTE_ORDER_MARK_BYTES = 2;
/** White space of XML at an end of a value, including references. Bytes of UTF-8 are characters here. */
const PADDED = /^(?:[ \t\r\n]|&#(?:9|10|13|32|x0*(?:9|a|d|20));)|(?:[ \t\r\n]|&#(?:9|10|13|32|x0*(?:9|a|d|20));)$/i;
const NOT_BLANK = /[^ \t\r\n](?:.*[^ \t\r\n])?/s;
const ID = /\sid\s*=\s*["'][^"']/;
/** More decimals of a second than GDAL has. */
const FINE_TIME = /\.\d{3}\d*[1-9]/;
const MAX_VALUE_CHARACTERS = 100;
/** Names of elements `Data` that are remembered. A table has fewer columns. */
const MAX_NAMES = 2_000;

/** Columns of times, by their element. */
const KML_TIMES = new Map([
  ['when', 'timestamp'],
  ['begin', 'begin'],
  ['end', 'end'],
]);
/** GDAL stores an element `Data` with such a name in the column of the time. */
const KML_TIME_COLUMNS: ReadonlySet<string> = new Set(KML_TIMES.values());
/** Elements of a placemark that GDAL does not read. */
const KML_DROPPED = new Set(['address', 'phoneNumber', 'Snippet', 'snippet', 'AddressDetails', 'author', 'link']);
const GPX_TIMES = new Map([['time', 'time']]);
const GPX_NUMBERS = new Set([
  ...['ele', 'magvar', 'geoidheight', 'hdop', 'vdop', 'pdop', 'ageofdgpsdata', 'course', 'speed'],
]);
/** The elements of the layers of a GPX file. */
const GPX_FEATURES: Record<string, string | undefined> = {
  routes: 'rte',
  tracks: 'trk',
  waypoints: 'wpt',
  route_points: 'rtept',
  track_points: 'trkpt',
};
/** GDAL reads so many links of an element. */
const GPX_LINKS = 2;
const GPX_PARENTS = new Set(['wpt', 'rtept', 'trkpt', 'rte', 'trk', 'metadata']);

interface Finding {
  code: string;
  column?: string;
  /** The rest of a message about a number of values. */
  predicate: string;
  count: number;
  first: string;
}

/** Reads the local copy of a KML, KMZ or GPX file once. Other formats have no notes. */
export async function roundedTextNotes(
  { path, file, format, valueMarker }: VectorSource,
  layer: Layer,
  { folder, env, signal }: Pick<LoadContext, 'folder' | 'env' | 'signal'>,
): Promise<Note[]> {
  if (!['KML', 'KMZ', 'GPX'].includes(format.name)) return [];
  const scanner = new Scanner(format.name, GPX_FEATURES[layer.name], valueMarker);
  if (format.isZipArchive) await scanZip(scanner, { path, file, folder, maxBytes: env.MAX_FILE_BYTES, signal });
  else await scanDocument(scanner, readChunks(path, { signal }));
  return scanner.notes(file, new Set(layer.fields.map(({ name }) => name)));
}

/** Reads a document in UTF-8, whose chunks can end anywhere. */
export async function scanDocument(scanner: Scanner, chunks: AsyncIterable<Buffer>): Promise<void> {
  const reader = new MarkupReader(new ElementReader((element) => scanner.add(element)));
  for await (const chunk of chunks) reader.add(chunk.toString('latin1')); // Markup is ASCII.
}

async function scanZip(
  scanner: Scanner,
  { path, file, folder, maxBytes, signal }: Record<'path' | 'file' | 'folder', string> & ZipLimits,
): Promise<void> {
  const target = join(folder, 'sluice-document');
  await withZipArchive(path, file, { maxBytes }, async (members, unpack) => {
    for (const member of members.filter(({ name }) => /\.kml$/i.test(name))) {
      await unpack(member, target, signal);
      const encoding = utf16Of(await readFirstBytes(target, BYTE_ORDER_MARK_BYTES));
      const bytes = readChunks(target, { signal });
      await scanDocument(scanner, encoding === undefined ? bytes : asUtf8(bytes, encoding, file));
    }
  });
  await rm(target, { force: true });
}

interface ZipLimits {
  maxBytes: number;
  signal: AbortSignal;
}

/** Collects the notes about one or several documents of a format. */
export class Scanner {
  private readonly findings = new Map<string, Finding>();
  private readonly format: string;
  /** The declared types of fields that GDAL does not read as text. */
  private readonly types = new Map<string, string>();
  /** The element of the features of a GPX layer. */
  private readonly feature: string | undefined;
  private parent = '';
  private inTrack = false;
  private inPlacemark = false;
  /** Links of the current element of GPX. */
  private links = 0;
  /** Whether a KML document declares fields. Then GDAL reads only these. */
  private hasSchema = false;
  /** The name of the open element `Data`. */
  private data: string | undefined;
  /** The values of elements `Data`, by their name. */
  private readonly untyped = new Map<string, { count: number; first: string }>();
  /** The fields that the schemas of a KML document declare, and the values of other SimpleData. */
  private readonly declared = new Set<string>();
  private readonly undeclared = new Map<string, { count: number; first: string }>();
  private readonly values: KmlValues | GpxValues;

  /** The marker beside values of a rewritten document (value-markers.ts). */
  private readonly valueMarker: string | undefined;

  constructor(format: string, feature: string | undefined, valueMarker?: string) {
    this.valueMarker = valueMarker;
    this.format = format;
    this.feature = feature;
    const find = this.find.bind(this);
    this.values = format === 'GPX' ? new GpxValues(feature, find) : new KmlValues(find);
  }

  add(read: Element): void {
    const valueMarker = this.valueMarker;
    const hasMarker = valueMarker !== undefined && read.text.includes(valueMarker);
    const element = hasMarker ? { ...read, text: read.text.replaceAll(valueMarker, '') } : read;
    this.values.add(element);
    if (this.format === 'GPX') this.addGpx(element);
    else this.addKml(element);
  }

  /** The notes after the last document. `columns` are the names of the columns. */
  notes(file: string, columns: ReadonlySet<string>): Note[] {
    if (this.hasSchema)
      for (const [name, { count, first }] of this.untyped) {
        if (columns.has(name)) continue;
        const element = `<Data name=${JSON.stringify(name)}>`;
        const predicate = `values of ${element} were left out, because the layer has a schema.`;
        this.findings.set(predicate, { code: 'VALUES_MISSING', predicate, count, first });
      }
    for (const [name, { count, first }] of this.undeclared) {
      if (this.declared.has(name) || columns.has(name)) continue;
      const predicate = `values of <SimpleData name=${JSON.stringify(name)}> were left out, because no schema has it.`;
      this.findings.set(predicate, { code: 'VALUES_MISSING', predicate, count, first });
    }
    return [...this.findings.values()].map(({ code, column, predicate, count, first }) => {
      const place = column === undefined ? {} : { column };
      const value = JSON.stringify(Buffer.from(first, 'latin1').toString('utf8').slice(0, MAX_VALUE_CHARACTERS));
      return { code, file, ...place, message: `${count} ${predicate} The first is ${value}.` };
    });
  }

  private addKml(element: Element): void {
    const { isEnd, name, attributes } = element;
    const value = trimmed(element.text);
    if (name === 'Track') this.inTrack = !isEnd;
    if (name === 'Placemark') this.inPlacemark = !isEnd;
    if (name === 'Data') this.data = isEnd ? undefined : fieldNameOf(attributes);
    if (isEnd) return;
    if (name === 'value' && this.data !== undefined && value !== '') addTo(this.untyped, this.data, value);
    if (name === 'Placemark' && ID.test(attributes))
      this.find(
        'FEATURE_IDS_DROPPED',
        undefined,
        attributes.trim(),
        'placemarks have an id, which GDAL does not read.',
      );
    if (this.inPlacemark && KML_DROPPED.has(name))
      this.find('VALUES_MISSING', undefined, value || attributes, `elements <${name}> were left out.`);
    if (name === 'SimpleArrayData')
      this.find('VALUES_MISSING', undefined, attributes.trim(), 'lists of data of tracks were left out.');
    if (name === 'SimpleField') this.declareField(attributes);
    if (name === 'SimpleData') {
      this.addData(attributes, value);
      this.addPadded(element);
    }
    if (value === '') return;
    if (name === 'value' && KML_TIME_COLUMNS.has(this.data ?? '') && !this.hasSchema)
      this.addTime(this.data ?? '', value);
    const column = KML_TIMES.get(name);
    if (column === undefined) return;
    if (this.inTrack) this.find('VALUES_MISSING', undefined, value, 'times of positions of tracks were left out.');
    else this.addTime(column, value);
  }

  private declareField(attributes: string): void {
    this.hasSchema = true;
    const [declared, field] = [declaredTypeOf(attributes), fieldNameOf(attributes)];
    if (field !== undefined) this.declared.add(field);
    if (declared !== undefined && field !== undefined) this.types.set(field, declared);
  }

  private addData(attributes: string, value: string): void {
    if (value === '') return;
    const field = fieldNameOf(attributes) ?? '';
    if (!this.declared.has(field)) addTo(this.undeclared, field, value);
    const declared = this.types.get(field);
    if (declared === undefined) return;
    const facts = new TextFacts(declared);
    facts.add(value);
    if (facts.type() === declaredType(declared)) return;
    const predicate = `values of column ${JSON.stringify(field)} exceed its declared type, and were changed.`;
    this.find('VALUES_CHANGED', field, value, `${predicate} Upload the .kml file of the archive to keep them.`);
  }

  /** The documents of formats other than archives are rewritten, so that GDAL keeps white space. */
  private addPadded({ attributes, text, textEnd, isLeaf }: Element): void {
    if (this.format !== 'KMZ' || !isLeaf || !(PADDED.test(text) || PADDED.test(textEnd))) return;
    const field = fieldNameOf(attributes) ?? '';
    const predicate = `values of column ${JSON.stringify(field)} have white space around them, which was removed.`;
    this.find('VALUES_CHANGED', field, text, `${predicate} Upload the .kml file of the archive to keep it.`);
  }

  private addGpx({ isEnd, name, attributes, text }: Element): void {
    const value = trimmed(text);
    if (GPX_PARENTS.has(name)) [this.parent, this.links] = [isEnd ? '' : name, 0];
    if (name === 'link' && !isEnd && this.parent === this.feature && ++this.links > GPX_LINKS)
      this.find(
        'VALUES_MISSING',
        undefined,
        attributes.trim(),
        'links beyond the second one of a feature were left out.',
      );
    if (isEnd || value === '' || this.parent !== this.feature) return;
    const column = GPX_TIMES.get(name);
    if (column !== undefined) this.addTime(column, value);
    else if (GPX_NUMBERS.has(name) && !Number.isNaN(Number(value)) && !isExactDouble(value))
      this.find('VALUES_CHANGED', name, value, `numbers of column "${name}" have more digits than a double.`);
  }

  private addTime(column: string, value: string): void {
    if (FINE_TIME.test(value))
      this.find('VALUES_CHANGED', column, value, `times of column "${column}" were cut to milliseconds.`);
    else if (/^\d{4}-\d{2}$/.test(value) && this.data === undefined)
      this.find('VALUES_CHANGED', column, value, `months of column "${column}" are stored as their first day.`);
    else if (timeTypeOf(value) === undefined || /^\d{4}-\d{2}$/.test(value))
      this.find(
        'VALUES_MISSING',
        column,
        value,
        `values of column "${column}" are not a date and time. They are missing.`,
      );
  }

  private find(code: string, column: string | undefined, value: string, predicate: string): void {
    const found = this.findings.get(predicate);
    if (found !== undefined) found.count++;
    else
      this.findings.set(predicate, {
        code,
        ...(column === undefined ? {} : { column }),
        predicate,
        count: 1,
        first: value,
      });
  }
}

function addTo(values: Map<string, { count: number; first: string }>, name: string, value: string): void {
  const known = values.get(name);
  if (known !== undefined) known.count++;
  else if (values.size < MAX_NAMES) values.set(name, { count: 1, first: value });
}

/** The text without white space of XML around it. */
function trimmed(text: string): string {
  return NOT_BLANK.exec(text)?.[0] ?? '';
}
