import type { Note } from '#shared/contracts/facts.ts';
import type { Layer } from '#shared/gdal/layers.ts';
import { isExactDouble } from '#shared/text/exact-double.ts';
import { readFileStream } from '#shared/text/file-streams.ts';
import type { VectorSource } from '../load/fetch-vector.ts';
import { timeTypeOf } from '../rows/row-column.ts';

/**
 * Notes the texts of KML and GPX that GDAL rounds or leaves out without a message: times beyond milliseconds, numbers
 * with more digits than a double, ids of placemarks, times of the positions of a track.
 */

const CHUNK_BYTES = 2 ** 20;
/** Text that is longer between two tags is no time or number. */
const MAX_REST_CHARACTERS = 2 ** 16;
const ELEMENT = /<(\/?)(?:[\w.-]+:)?(\w+)((?:\s[^<>]*)?)>([^<]*)(?=<)/g;
const ID = /\sid\s*=\s*["'][^"']/;
/** More decimals of a second than GDAL has. */
const FINE_TIME = /\.\d{3}\d*[1-9]/;
const MAX_VALUE_CHARACTERS = 100;

/** Columns of times, by their element. */
const KML_TIMES = new Map([
  ['when', 'timestamp'],
  ['begin', 'begin'],
  ['end', 'end'],
]);
const GPX_TIMES = new Map([['time', 'time']]);
const GPX_NUMBERS = new Set([
  ...['ele', 'magvar', 'geoidheight', 'hdop', 'vdop', 'pdop', 'ageofdgpsdata', 'course', 'speed'],
]);
/** The elements of the layers of a GPX file. */
const GPX_FEATURES: Record<string, string | undefined> = {
  waypoints: 'wpt',
  route_points: 'rtept',
  track_points: 'trkpt',
};
const GPX_PARENTS = new Set(['wpt', 'rtept', 'trkpt', 'rte', 'trk', 'metadata']);

interface Finding {
  code: string;
  column?: string;
  /** The rest of a message about a number of values. */
  predicate: string;
  count: number;
  first: string;
}

/** Reads the local copy of a KML or GPX file once. Other formats, and KMZ, have no notes. */
export async function roundedTextNotes(
  { path, file, format }: VectorSource,
  layer: Layer,
  signal: AbortSignal,
): Promise<Note[]> {
  if (format.name !== 'KML' && format.name !== 'GPX') return [];
  const scanner = new Scanner(format.name, GPX_FEATURES[layer.name]);
  let rest = '';
  const chunks = readFileStream(path, { highWaterMark: CHUNK_BYTES, signal }) as AsyncIterable<Buffer>;
  for await (const chunk of chunks) {
    const text = rest + chunk.toString('latin1');
    for (const match of text.matchAll(ELEMENT))
      scanner.add(match[1] === '/', match[2] ?? '', match[3] ?? '', match[4] ?? '');
    const last = text.lastIndexOf('<');
    rest = last < 0 || text.length - last > MAX_REST_CHARACTERS ? '' : text.slice(last);
  }
  return [...scanner.findings.values()].map(({ code, column, predicate, count, first }) => {
    const place = column === undefined ? {} : { column };
    const value = JSON.stringify(Buffer.from(first, 'latin1').toString('utf8').slice(0, MAX_VALUE_CHARACTERS));
    return { code, file, ...place, message: `${count} ${predicate} The first is ${value}.` };
  });
}

class Scanner {
  readonly findings = new Map<string, Finding>();
  readonly #isKml: boolean;
  /** The element of the features of a GPX layer. */
  readonly #feature: string | undefined;
  #parent = '';
  #inTrack = false;

  constructor(format: 'KML' | 'GPX', feature: string | undefined) {
    this.#isKml = format === 'KML';
    this.#feature = feature;
  }

  add(isEnd: boolean, name: string, attributes: string, text: string): void {
    if (this.#isKml) this.#addKml(isEnd, name, attributes, text.trim());
    else this.#addGpx(isEnd, name, text.trim());
  }

  #addKml(isEnd: boolean, name: string, attributes: string, value: string): void {
    if (name === 'Track') this.#inTrack = !isEnd;
    if (isEnd) return;
    if (name === 'Placemark' && ID.test(attributes))
      this.#find(
        'FEATURE_IDS_DROPPED',
        undefined,
        attributes.trim(),
        'placemarks have an id, which GDAL does not read.',
      );
    const column = KML_TIMES.get(name);
    if (column === undefined || value === '') return;
    if (this.#inTrack) this.#find('VALUES_MISSING', undefined, value, 'times of positions of tracks were left out.');
    else this.#addTime(column, value);
  }

  #addGpx(isEnd: boolean, name: string, value: string): void {
    if (GPX_PARENTS.has(name)) this.#parent = isEnd ? '' : name;
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
        `values of column "${column}" are no date and time. They are missing.`,
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
