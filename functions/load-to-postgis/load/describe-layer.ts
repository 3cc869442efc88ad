import { basename } from 'node:path';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import { readFirstBytes } from '#shared/formats/signatures.ts';
import type { VectorFormat } from '#shared/formats/vector-formats.ts';
import type { GdalCommand } from '#shared/gdal/gdal.ts';
import { describeLayersCommand, type Layer, type LayerField, parseLayers } from '#shared/gdal/layers.ts';
import { layerInside } from '#shared/landing/fetch-source.ts';
import { stemOf } from '#shared/landing/source-parts.ts';
import { MAX_POSTGRES_COLUMNS } from '#shared/postgis/run-schema.ts';
import { listNames } from '#shared/text/list-names.ts';
import type { LoadContext } from '../load-context.ts';
import { isEndMarked, parseDbfFields, readDbfHeader } from '../readers/dbf-header.ts';
import { rejectBrokenNames } from '../mapinfo/mapinfo-charset.ts';
import type { LayerDescription, VectorSource } from '../vector-source.ts';
import { openOptions } from './plan-load.ts';
import { runOgr } from './run-ogr.ts';

/** Describes the layer to load: a plain shapefile from its headers, every other file with ogrinfo. */
export async function describeLayer(
  source: VectorSource,
  context: Pick<LoadContext, 'gdal' | 'folder' | 'signal'>,
): Promise<LayerDescription> {
  const { format, file, path, parts } = source;
  rejectView(source);
  const isShapefile = format.name === 'ESRI Shapefile';
  const plain = isShapefile ? await describePlainShapefile(path, parts.includes('.prj')) : undefined;
  if (plain !== undefined)
    return { layer: chooseLayer([plain], format, undefined, file), singleLayer: true, stderr: '' };
  const command = describeLayersCommand(path, context.folder, format.drivers, {
    openOptions: openOptions(source),
    count: format.derivedLayers !== undefined,
  });
  const { layers, stderr } = await listLayers(source, command, context);
  const named = layerInside(
    source,
    layers.map(({ name }) => name),
  );
  const layer = chooseLayer(layers, format, named, file);
  if (format.encoding === 'charset') rejectBrokenNames(layer, file);
  if (isShapefile && parts.includes('.prj')) await cachePrj(path, layer);
  return { layer, singleLayer: layers.length === 1, stderr };
}

/** The layers of a file. A database that contains views only has none, and GDAL may not open it. */
export async function listLayers(
  source: VectorSource,
  command: GdalCommand,
  context: Pick<LoadContext, 'gdal' | 'signal'>,
): Promise<{ layers: Layer[]; stderr: string }> {
  const [view] = source.schema?.views ?? [];
  try {
    const { stdout, stderr } = await runOgr(source, command, context);
    const layers = parseLayers(stdout);
    if (view !== undefined && layers.every(({ geometryType }) => geometryType === 'None'))
      throw notATable(source, view);
    return { layers, stderr };
  } catch (thrown) {
    const { code } = asSluiceError(thrown);
    throw view !== undefined && (code === 'FORMAT_MISMATCH' || code === 'FILE_UNREADABLE')
      ? notATable(source, view, thrown)
      : thrown;
  }
}

/** Rejects a layer that is a view or a virtual table: it could return rows without end, or compute without end. */
function rejectView(source: VectorSource): void {
  const { views = [], virtualTables = [] } = source.schema ?? {};
  const { layer } = source.declared;
  if (layer !== undefined && [...views, ...virtualTables].includes(layer)) throw notATable(source, layer);
}

function notATable({ file, format, schema }: VectorSource, layer: string, cause?: unknown): SluiceError {
  const kind = schema?.views.includes(layer) ? 'view' : 'virtual table';
  const name = JSON.stringify(layer);
  return new SluiceError(
    'LAYER_NOT_TABLE',
    `Layer ${name} of ${file} is a ${kind}. Sluice loads tables only. ` +
      `Save it as a table: ogr2ogr -f ${format.name} NEW ${basename(file)} ${name}`,
    { cause, details: { file, layer, kind } },
  );
}

/**
 * Describes a plain shapefile from its headers, without ogrinfo, which saves a third of the time of a small batch.
 * GDAL describes all others: shapefiles with Z or M, field names that are not ASCII, or a .prj text that this process
 * has not read before. Follows the ESRI Shapefile Technical Description, July 1998, and dBASE III.
 */

/** Types without Z and M. For types with Z or M, GDAL also reads the shapes to describe the layer. */
const PLAIN_TYPES: Record<number, string> = { 1: 'Point', 3: 'Line String', 5: 'Polygon', 8: 'Multi Point' };
const SHP_HEADER_BYTES = 36;
const HEADER_TYPE_AT = 32;

/** The WKT that GDAL returned for a .prj text; undefined for a text that GDAL cannot read. */
const wktOfPrj = new Map<string, string | undefined>();
const MAX_CACHED_PRJ = 256;
/** A longer .prj text is not cached, and GDAL describes the shapefile. Usual ones have a few hundred bytes. */
const MAX_PRJ_BYTES = 65_536;

/** The layer of a plain shapefile; undefined when GDAL must describe it. `path` is the .shp file. */
export async function describePlainShapefile(path: string, hasPrj: boolean): Promise<Layer | undefined> {
  const prj = hasPrj ? await readPrj(path) : undefined;
  if (hasPrj && (prj === undefined || !wktOfPrj.has(prj))) return undefined;
  const [shp, dbf] = await Promise.all([readFirstBytes(path, SHP_HEADER_BYTES), readDbfHeader(`${stemOf(path)}.dbf`)]);
  const geometryType = shp.length < SHP_HEADER_BYTES ? undefined : PLAIN_TYPES[shp.readInt32LE(HEADER_TYPE_AT)];
  const fields = parsePlainDbfFields(dbf);
  if (geometryType === undefined || fields === undefined) return undefined;
  const wkt = prj === undefined ? undefined : wktOfPrj.get(prj);
  return { name: stemOf(path).split('/').at(-1) ?? '', geometryType, fields, ...(wkt === undefined ? {} : { wkt }) };
}

/** Caches the WKT of a layer that GDAL described, for other shapefiles with the same .prj text. */
export async function cachePrj(path: string, layer: Layer): Promise<void> {
  const prj = await readPrj(path);
  if (prj === undefined) return;
  if (wktOfPrj.size >= MAX_CACHED_PRJ) wktOfPrj.clear();
  wktOfPrj.set(prj, layer.wkt);
}

/** The text of the .prj file; undefined when it is longer than MAX_PRJ_BYTES. */
async function readPrj(path: string): Promise<string | undefined> {
  const bytes = await readFirstBytes(`${stemOf(path)}.prj`, MAX_PRJ_BYTES + 1);
  return bytes.length > MAX_PRJ_BYTES ? undefined : bytes.toString('latin1');
}

/** The fields of a dBASE table; undefined when they are damaged, not ASCII, or equal apart from case. */
export function parsePlainDbfFields(dbf: Buffer): LayerField[] | undefined {
  const fields = parseDbfFields(dbf);
  const names = fields.map(({ name }) => name);
  const isPlain = isEndMarked(dbf, fields) && names.every((name) => /^[\x21-\x7e]+$/.test(name));
  const distinct = new Set(names.map((name) => name.toLowerCase()));
  if (!isPlain || names.length === 0 || distinct.size < names.length) return undefined;
  return names.map((name) => ({ name, type: 'unknown' }));
}

/** Leaves room for the columns that Sluice adds: the key, the geometry, and those of the loading. */
const MAX_LAYER_FIELDS = MAX_POSTGRES_COLUMNS - 10;
/** Layers named in a message. The details of the error hold all of them. */
const MAX_LISTED_LAYERS = 20;

/**
 * The layer to load: the one that the manifest names, else the only one with a geometry. Throws LAYER_MISSING,
 * LAYER_AMBIGUOUS, NO_GEOMETRY, TOO_MANY_COLUMNS, FILE_UNREADABLE.
 */
export function chooseLayer(layers: Layer[], format: VectorFormat, named: string | undefined, file: string): Layer {
  const layer = named === undefined ? onlySpatialLayer(layers, format, file) : layerByName(layers, named, file);
  if (layer.geometryType === 'None') {
    throw new SluiceError(
      'NO_GEOMETRY',
      `Layer ${JSON.stringify(layer.name)} of ${file} has no geometry. Use intent ingest_tabular for tables.`,
      { details: { file, layer: layer.name } },
    );
  }
  if (layer.fields.length > MAX_LAYER_FIELDS) {
    throw new SluiceError(
      'TOO_MANY_COLUMNS',
      `${file} has ${layer.fields.length} columns; the limit is ${MAX_LAYER_FIELDS}. ` +
        'Remove columns, or split the table.',
      { details: { file, columns: layer.fields.length, limit: MAX_LAYER_FIELDS } },
    );
  }
  return layer;
}

function layerByName(layers: Layer[], name: string, file: string): Layer {
  const layer = layers.find((candidate) => candidate.name === name);
  if (layer !== undefined) return layer;
  throw new SluiceError(
    'LAYER_MISSING',
    `${file} has no layer ${JSON.stringify(name)}; it has ${quotedNames(layers)}. Correct \`layer\` in the manifest.`,
    { details: { file, layer: name, layers: namesOf(layers) } },
  );
}

function onlySpatialLayer(layers: Layer[], format: VectorFormat, file: string): Layer {
  const [first] = layers;
  if (first === undefined)
    throw new SluiceError('FILE_UNREADABLE', `${file} contains no layer. Export it again.`, { details: { file } });
  if (layers.length === 1) return first;
  const spatial = layers.filter((layer) => layer.geometryType !== 'None');
  const candidates = spatial.filter((layer) => isCandidate(layer, format));
  if (candidates.length === 1 && candidates[0] !== undefined) return candidates[0];
  if (spatial.length === 0)
    throw new SluiceError(
      'NO_GEOMETRY',
      `${file} has no layer with a geometry; it has ${quotedNames(layers)}. Use intent ingest_tabular for tables.`,
      { details: { file, layers: namesOf(layers) } },
    );
  // Every layer of a GPX file is empty or derived: load a derived layer with features, else an empty one.
  if (candidates.length === 0) return spatial.find((layer) => (layer.featureCount ?? 0) > 0) ?? first;
  throw new SluiceError(
    'LAYER_AMBIGUOUS',
    `${file} has ${candidates.length} layers with a geometry: ${quotedNames(candidates)}. ` +
      'Name one with `layer` in the manifest.',
    { details: { file, layers: namesOf(candidates) } },
  );
}

/** A GPX file always has five layers, so its empty layers and those derived from other layers do not count. */
function isCandidate(layer: Layer, { derivedLayers }: VectorFormat): boolean {
  return derivedLayers === undefined || (layer.featureCount !== 0 && !derivedLayers.includes(layer.name));
}

function namesOf(layers: Layer[]): string[] {
  return layers.map((layer) => layer.name);
}

function quotedNames(layers: Layer[]): string {
  return listNames(
    layers.map(({ name }) => JSON.stringify(name)),
    MAX_LISTED_LAYERS,
  );
}
