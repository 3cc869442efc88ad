import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Note } from '#shared/contracts/facts.ts';
import { withArchive } from '#shared/formats/archive.ts';
import type { Layer } from '#shared/gdal/layers.ts';
import { isExactDouble, TextFacts } from '../texts/text-facts.ts';
import { readFileStream } from '#shared/text/file-streams.ts';
import type { VectorSource } from '../load/fetch-vector.ts';
import { declaredType, timeTypeOf } from '../rows/table-reader.ts';
import type { LoadContext } from '../run-gdal.ts';
import { declaredTypeOf, fieldNameOf } from '../texts/kml-texts.ts';

/**
 * Notes the texts of KML and GPX that GDAL rounds or leaves out without a message: times beyond milliseconds, numbers
 * with more digits than a double, ids and other elements of placemarks, times of the positions of a track, data without
 * a schema beside data with one, white space around data of a KMZ, further links of GPX.
 */

const CHUNK_BYTES = 2 ** 20;
/** Text that is longer between two tags is neither a time nor a number. */
const MAX_REST_CHARACTERS = 2 ** 16;
const ELEMENT = /<(\/?)(?:[\w.-]+:)?(\w+)((?:\s[^<>]*)?)>([^<]*)(?=<(!\[CDATA\[)?)/g;
const SIMPLE_DATA = /<(?:[\w.-]+:)?SimpleData((?:\s[^<>]*)?)>/g;
const [CDATA_START, CDATA_END] = ['<![CDATA[', ']]>'];
/** White space of XML at an end of a value, also as a reference. Bytes of UTF-8 are characters here. */
const PADDED = /^(?:[ \t\r\n]|&#(?:9|10|13|32|x0*(?:9|a|d|20));)|(?:[ \t\r\n]|&#(?:9|10|13|32|x0*(?:9|a|d|20));)$/i;
const PADDED_CDATA = /^[ \t\r\n]|[ \t\r\n]$/;
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
  { path, file, format }: VectorSource,
  layer: Layer,
  { folder, env, signal }: Pick<LoadContext, 'folder' | 'env' | 'signal'>,
): Promise<Note[]> {
  if (!['KML', 'KMZ', 'GPX'].includes(format.name)) return [];
  const scanner = new Scanner(format.name !== 'GPX', GPX_FEATURES[layer.name]);
  if (format.isArchive) await scanArchive(scanner, { path, file, folder, maxBytes: env.MAX_FILE_BYTES, signal });
  else await scanDocument(scanner, path, false, signal);
  scanner.end(new Set(layer.fields.map(({ name }) => name)));
  return [...scanner.findings.values()].map(({ code, column, predicate, count, first }) => {
    const place = column === undefined ? {} : { column };
    const value = JSON.stringify(Buffer.from(first, 'latin1').toString('utf8').slice(0, MAX_VALUE_CHARACTERS));
    return { code, file, ...place, message: `${count} ${predicate} The first is ${value}.` };
  });
}

async function scanDocument(scanner: Scanner, path: string, isArchive: boolean, signal: AbortSignal): Promise<void> {
  let rest = '';
  const chunks = readFileStream(path, { highWaterMark: CHUNK_BYTES, signal }) as AsyncIterable<Buffer>;
  for await (const chunk of chunks) {
    const text = rest + chunk.toString('latin1');
    for (const match of text.matchAll(ELEMENT))
      scanner.add(match[1] === '/', match[2] ?? '', match[3] ?? '', match[4] ?? '', match[5] !== undefined);
    if (isArchive) for (const [attributes, value] of paddedData(text)) scanner.addPadded(attributes, value);
    const last = text.lastIndexOf('<');
    rest = last < 0 || text.length - last > MAX_REST_CHARACTERS ? '' : text.slice(last);
  }
}

/** The attributes and the values of elements SimpleData with white space around the value. Takes linear time. */
function* paddedData(text: string): Generator<[attributes: string, value: string]> {
  const starts = new RegExp(SIMPLE_DATA);
  for (let found = starts.exec(text); found !== null; found = starts.exec(text)) {
    const isCdata = text.startsWith(CDATA_START, starts.lastIndex);
    const from = starts.lastIndex + (isCdata ? CDATA_START.length : 0);
    const to = text.indexOf(isCdata ? CDATA_END : '<', from);
    if (to < 0) return;
    const value = text.slice(from, to);
    starts.lastIndex = to + (isCdata ? CDATA_END.length : 0);
    const isWhole = text.startsWith('</', starts.lastIndex);
    if (isWhole && (isCdata ? PADDED_CDATA : PADDED).test(value)) yield [found[1] ?? '', value];
  }
}

async function scanArchive(
  scanner: Scanner,
  { path, file, folder, maxBytes, signal }: Record<'path' | 'file' | 'folder', string> & ArchiveLimits,
): Promise<void> {
  const target = join(folder, 'sluice-document');
  await withArchive(path, file, { maxBytes }, async (members, unpack) => {
    for (const member of members.filter(({ name }) => /\.kml$/i.test(name))) {
      await unpack(member, target, signal);
      await scanDocument(scanner, target, true, signal);
    }
  });
  await rm(target, { force: true });
}

interface ArchiveLimits {
  maxBytes: number;
  signal: AbortSignal;
}

class Scanner {
  readonly findings = new Map<string, Finding>();
  readonly #isKml: boolean;
  /** The declared types of fields that GDAL does not read as text. */
  readonly #types = new Map<string, string>();
  /** The element of the features of a GPX layer. */
  readonly #feature: string | undefined;
  #parent = '';
  #inTrack = false;
  #inPlacemark = false;
  /** Links of the current element of GPX. */
  #links = 0;
  /** Whether a KML document declares fields. Then GDAL reads only these. */
  #hasSchema = false;
  /** The name of the open element `Data`. */
  #data: string | undefined;
  /** The values of elements `Data`, by their name. */
  readonly #untyped = new Map<string, { count: number; first: string }>();

  constructor(isKml: boolean, feature: string | undefined) {
    this.#isKml = isKml;
    this.#feature = feature;
  }

  add(isEnd: boolean, name: string, attributes: string, text: string, isCdata: boolean): void {
    if (this.#isKml) this.#addKml(isEnd, name, attributes, text.trim(), isCdata);
    else this.#addGpx(isEnd, name, attributes, text.trim());
  }

  /** Call it after the last document, with the names of the columns. */
  end(columns: ReadonlySet<string>): void {
    if (!this.#hasSchema) return;
    for (const [name, { count, first }] of this.#untyped) {
      if (columns.has(name)) continue;
      const predicate = `values of <Data name=${JSON.stringify(name)}> were left out, because the layer has a schema.`;
      this.findings.set(predicate, { code: 'VALUES_MISSING', predicate, count, first });
    }
  }

  #addKml(isEnd: boolean, name: string, attributes: string, value: string, isCdata: boolean): void {
    if (name === 'Track') this.#inTrack = !isEnd;
    if (name === 'Placemark') this.#inPlacemark = !isEnd;
    if (name === 'Data') this.#data = isEnd ? undefined : fieldNameOf(attributes);
    if (isEnd) return;
    if (name === 'value' && this.#data !== undefined && (value !== '' || isCdata)) this.#addUntyped(this.#data, value);
    if (name === 'Placemark' && ID.test(attributes))
      this.#find(
        'FEATURE_IDS_DROPPED',
        undefined,
        attributes.trim(),
        'placemarks have an id, which GDAL does not read.',
      );
    if (this.#inPlacemark && KML_DROPPED.has(name))
      this.#find('VALUES_MISSING', undefined, value || attributes, `elements <${name}> were left out.`);
    if (name === 'SimpleArrayData')
      this.#find('VALUES_MISSING', undefined, attributes.trim(), 'lists of data of tracks were left out.');
    if (name === 'SimpleField') this.#declare(attributes);
    if (name === 'SimpleData') this.#addData(attributes, value);
    const column = KML_TIMES.get(name);
    if (column === undefined || value === '') return;
    if (this.#inTrack) this.#find('VALUES_MISSING', undefined, value, 'times of positions of tracks were left out.');
    else this.#addTime(column, value);
  }

  #addUntyped(name: string, value: string): void {
    const known = this.#untyped.get(name);
    if (known !== undefined) known.count++;
    else if (this.#untyped.size < MAX_NAMES) this.#untyped.set(name, { count: 1, first: value });
  }

  #declare(attributes: string): void {
    this.#hasSchema = true;
    const [declared, field] = [declaredTypeOf(attributes), fieldNameOf(attributes)];
    if (declared !== undefined && field !== undefined) this.#types.set(field, declared);
  }

  #addData(attributes: string, value: string): void {
    if (this.#types.size === 0 || value === '') return;
    const field = fieldNameOf(attributes) ?? '';
    const declared = this.#types.get(field);
    if (declared === undefined) return;
    const facts = new TextFacts(declared);
    facts.add(value);
    if (facts.type() === declaredType(declared)) return;
    const predicate = `values of column ${JSON.stringify(field)} exceed its declared type, and were changed.`;
    this.#find('VALUES_CHANGED', field, value, `${predicate} Upload the .kml file of the archive to keep them.`);
  }

  /** Adds a value of an archive, whose documents are not rewritten. */
  addPadded(attributes: string, value: string): void {
    const field = fieldNameOf(attributes) ?? '';
    const predicate = `values of column ${JSON.stringify(field)} have white space around them, which was removed.`;
    this.#find('VALUES_CHANGED', field, value, `${predicate} Upload the .kml file of the archive to keep it.`);
  }

  #addGpx(isEnd: boolean, name: string, attributes: string, value: string): void {
    if (GPX_PARENTS.has(name)) [this.#parent, this.#links] = [isEnd ? '' : name, 0];
    if (name === 'link' && !isEnd && this.#parent === this.#feature && ++this.#links > GPX_LINKS)
      this.#find(
        'VALUES_MISSING',
        undefined,
        attributes.trim(),
        'links beyond the second one of a feature were left out.',
      );
    if (isEnd || value === '' || this.#parent !== this.#feature) return;
    const column = GPX_TIMES.get(name);
    if (column !== undefined) this.#addTime(column, value);
    else if (GPX_NUMBERS.has(name) && !Number.isNaN(Number(value)) && !isExactDouble(value))
      this.#find('VALUES_CHANGED', name, value, `numbers of column "${name}" have more digits than a double.`);
  }

  #addTime(column: string, value: string): void {
    if (FINE_TIME.test(value))
      this.#find('VALUES_CHANGED', column, value, `times of column "${column}" were cut to milliseconds.`);
    else if (/^\d{4}-\d{2}$/.test(value))
      this.#find('VALUES_CHANGED', column, value, `months of column "${column}" are stored as their first day.`);
    else if (timeTypeOf(value) === undefined)
      this.#find(
        'VALUES_MISSING',
        column,
        value,
        `values of column "${column}" are not a date and time. They are missing.`,
      );
  }

  #find(code: string, column: string | undefined, value: string, predicate: string): void {
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
