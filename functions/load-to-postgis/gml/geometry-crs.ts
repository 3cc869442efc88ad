import { readChunks } from '#shared/streams/file-streams.ts';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import { checkCrsName, type Crs, crsLabel, isSameCrs } from '#shared/gdal/crs/crs.ts';
import { lookUpCrs } from '#shared/gdal/crs/look-up-crs.ts';
import type { LoadContext } from '../load-context.ts';
import { copyOf } from '../readers/markup-reader.ts';
import { geometryTags } from './geometry-tags.ts';

/**
 * The CRS that the geometries of a GML document declare. With a schema, GDAL reads only the CRS of the envelope of the
 * document. It turns the axes of each geometry by the form in which the geometry declares its CRS: a URN has the order
 * of EPSG, and `EPSG:4326` has longitude first.
 */

const ATTRIBUTE = /\s([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g;
/** Limit for different names, which are looked up one after the other. A document has one or two. */
const MAX_NAMES = 20;

export interface DeclaredNames {
  /** The names of geometries and of their parts. */
  names: Set<string>;
  /** The name of the first envelope that has one. */
  envelope: string | undefined;
  geometries: number;
  /** Geometries that declare no CRS. Their parts may declare one, but GDAL does not apply its axis order. */
  undeclared: number;
}

interface GmlDocument {
  path: string;
  file: string;
  /** The CRS that GDAL reads from the file. */
  embedded: Crs | undefined;
  /** The name of the layer in a document with several. Geometries of other layers are not compared. */
  layer?: string | undefined;
}

/**
 * The CRS of all geometries, else the one that GDAL reads. Throws CRS_UNREADABLE when they declare several CRSs, or one
 * that is unknown, and when GDAL reads none and only some declare one.
 */
export async function readGmlCrs(
  { path, file, embedded, layer }: GmlDocument,
  { gdal, signal }: Pick<LoadContext, 'gdal' | 'signal'>,
): Promise<Crs | undefined> {
  let found = await declaredNames(readChunks(path, { signal }), { file, layer });
  // The name of a layer in GDAL can differ from that of its elements.
  if (layer !== undefined && found.geometries === 0)
    found = await declaredNames(readChunks(path, { signal }), { file });
  const { names, envelope, geometries, undeclared } = found;
  // GDAL does not recognize the CRS names of the AdV, not even that of an envelope.
  const looked = envelope === undefined || codeOfAdv(envelope) === undefined ? names : new Set([...names, envelope]);
  const known: Crs[] = embedded === undefined ? [] : [embedded];
  const unknown: string[] = [];
  for (const name of looked) {
    const crs = await crsNamed(name, gdal, signal);
    if (crs === undefined) unknown.push(name);
    else if (!known.some((other) => isSameCrs(other, crs))) known.push(crs);
  }
  if (known.length > 1) throw severalCrs(file, known);
  // GDAL supports more names. It reads the one of the envelope, or the only one of the geometries.
  const isRead = (name: string) =>
    embedded !== undefined && (envelope === undefined ? names.size === 1 : name === envelope);
  const unread = unknown.find((name) => !isRead(name));
  if (unread !== undefined) throw unknownCrs(file, unread);
  if (embedded === undefined && names.size > 0 && undeclared > 0)
    throw partlyDeclared(file, names, undeclared, geometries);
  if (known.length === 0 && envelope !== undefined && (await crsNamed(envelope, gdal, signal)) === undefined)
    throw unknownCrs(file, envelope);
  return known[0];
}

/** The values of `srsName` of the geometries of a layer, and of their parts. Throws CRS_UNREADABLE for too many. */
export async function declaredNames(
  chunks: AsyncIterable<Buffer>,
  { file, layer }: { file: string; layer?: string | undefined },
): Promise<DeclaredNames> {
  const found: DeclaredNames = { names: new Set(), envelope: undefined, geometries: 0, undeclared: 0 };
  for await (const tags of geometryTags(chunks, { file, layer }))
    for (const { tag, kind, isInLayer } of tags) {
      const name = srsNameOf(tag);
      if (kind === 'envelope' && name !== '') found.envelope ??= copyOf(name);
      if (kind === 'envelope' || !isInLayer) continue;
      if (kind === 'geometry') found.geometries++;
      if (kind === 'geometry' && name === '') found.undeclared++;
      if (name === '' || found.names.has(name)) continue;
      if (found.names.size === MAX_NAMES) throw tooManyNames(file);
      found.names.add(copyOf(name));
    }
  return found;
}

function srsNameOf(tag: string): string {
  if (!tag.includes('srsName')) return '';
  const [, , double, single] = tag.matchAll(ATTRIBUTE).find(([, name]) => name === 'srsName') ?? [];
  return (double ?? single ?? '').trim();
}

/**
 * Names of the German surveying authorities (AdV, GeoInfoDok), optionally with the name of a height system. Those of
 * Gauss-Krüger coordinates (`DE_DHDN_3GK3_HE100`) are not in this table: some are written without the number of the
 * zone. GDAL does not turn latitude and longitude of `ETRS89_Lat-Lon`.
 */
const ADV = /^urn:adv:crs:ETRS89_UTM(3[123])(?:\*DE_DHHN(?:92|2016)_NH(?:\*[A-Z\d]{1,16})?)?$/i;

/** The EPSG code of the horizontal CRS of a name of the AdV; undefined for other names. */
export function codeOfAdv(name: string): string | undefined {
  const zone = ADV.exec(name)?.[1];
  return zone === undefined ? undefined : `EPSG:258${zone}`;
}

/** The CRS of a name. Undefined if the name is not a code of a register. */
async function crsNamed(name: string, gdal: LoadContext['gdal'], signal: AbortSignal): Promise<Crs | undefined> {
  try {
    return await lookUpCrs(gdal, codeOfAdv(name) ?? checkCrsName(name), signal);
  } catch (thrown) {
    if (asSluiceError(thrown).code !== 'CRS_UNREADABLE') throw thrown;
    return undefined;
  }
}

/** Characters of a name in a message. */
const MAX_NAME_CHARACTERS = 100;

function unknownCrs(file: string, name: string): SluiceError {
  const shown = name.slice(0, MAX_NAME_CHARACTERS);
  return new SluiceError(
    'CRS_UNREADABLE',
    `${file} declares an unknown CRS, ${JSON.stringify(shown)}. ` + 'Set `crs` for the file in the manifest.',
    { details: { file, crs: shown } },
  );
}

function severalCrs(file: string, declared: readonly Crs[]): SluiceError {
  const labels = declared.map(crsLabel);
  return new SluiceError(
    'CRS_UNREADABLE',
    `${file} declares ${labels.length} CRSs: ${labels.join(', ')}. An asset has one CRS. ` +
      'Write the geometries of each CRS to a separate file, or set `crs` for the file in the manifest.',
    { details: { file, crs: labels } },
  );
}

function tooManyNames(file: string): SluiceError {
  return new SluiceError(
    'CRS_UNREADABLE',
    `The geometries of ${file} declare more than ${MAX_NAMES} different names of CRSs. ` +
      'Use one name for all geometries, or set `crs` for the file in the manifest.',
    { details: { file, limit: MAX_NAMES } },
  );
}

function partlyDeclared(file: string, names: Iterable<string>, undeclared: number, geometries: number): SluiceError {
  const [name = ''] = names;
  const shown = name.slice(0, MAX_NAME_CHARACTERS);
  const message =
    undeclared < geometries
      ? `${undeclared} of ${geometries} geometries of ${file} declare no CRS, and others declare ${shown}. Set`
      : `Only parts of the geometries of ${file} declare a CRS, ${shown}, and GDAL does not apply its axis order. ` +
        'Declare it in the outermost element of each geometry, or write longitude or easting first and set';
  return new SluiceError('CRS_UNREADABLE', `${message} \`crs\` for the file in the manifest.`, {
    details: { file, crs: shown, undeclared, geometries },
  });
}
