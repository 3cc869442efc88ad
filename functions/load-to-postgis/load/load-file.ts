import { rm } from 'node:fs/promises';
import { basename } from 'node:path';
import type { RejectedRows } from '#shared/tables/row-writer.ts';
import { type Crs, crsLabel } from '#shared/gdal/crs/crs.ts';
import type { Layer } from '#shared/gdal/layers.ts';
import { stemOf } from '#shared/landing/source-parts.ts';
import type { Column, Note, SourceFile } from '#shared/contracts/shared-schemas.ts';
import { listNames } from '#shared/text/list-names.ts';
import { checkTableExtent, measureTable } from '../crs/table-extent.ts';
import { resolveCrs } from '../crs/resolve-crs.ts';
import { sridOf } from '../crs/srid.ts';
import { copyPoints } from '../csv/copy-points.ts';
import { inferPoints, type Points, stagePoints } from '../csv/read-points.ts';
import { describeLayer } from './describe-layer.ts';
import { rewriteGeoJson } from '../geojson/rewrite-geojson.ts';
import { ensureUtf8 } from '../texts/ensure-utf8.ts';
import type { LayerDescription, VectorSource } from '../vector-source.ts';
import { removeUnreadable } from '../guards/unreadable-geometries.ts';
import { rejectNul } from '../guards/reject-nul.ts';
import { roundedTextNotes } from '../texts/rounded-texts.ts';
import { readPointValues } from '../gpx/point-values.ts';
import { declareGmlTexts } from '../gml/declared-types.ts';
import { droppedGeometryNotes } from '../gml/dropped-geometries.ts';
import { makeCoordinatesExact } from '../gml/exact-coordinates.ts';
import { gmlValueNotes } from '../gml/value-notes.ts';
import { declareTexts } from './declare-texts.ts';
import type { DeclaredTypes } from '../texts/text-facts.ts';
import { typeTextColumns } from '../texts/type-text-columns.ts';
import { unpackKmz } from '../texts/unpack-kmz.ts';
import { type CopiedLayer, copyLayer } from './copy-layer.ts';
import { finishTable } from '../staging/finish-table.ts';
import { convertJsonColumns } from '../staging/convert-columns.ts';
import { stagedNames } from '../staging/staged-names.ts';
import { notesFromMessages } from '../gdal-messages.ts';
import type { LoadContext } from '../load-context.ts';

/** A file of the manifest as a table in the schema of the run. */
export interface LoadedFile {
  table: string;
  source: SourceFile;
  columns: Column[];
  /** The column with the key of the features, if the file stores one. */
  keyColumn?: Column | undefined;
  srid: number;
  notes: Note[];
  /** The rows of a CSV that could not be read. */
  rejected?: RejectedRows;
}

/** Loads one downloaded file into `table`. Throws the errors that README.md lists. */
export async function loadFile(source: VectorSource, table: string, context: LoadContext): Promise<LoadedFile> {
  if (source.format.name !== 'CSV') return loadLayer(source, table, context);
  const [points] = (await inferPoints([await stagePoints(source, context)], context)) as [Points];
  return loadPoints(source, points, table, context);
}

/** Loads a CSV that was read with the reader of tables (shared/tables), without GDAL. */
export async function loadPoints(
  source: VectorSource,
  points: Points,
  table: string,
  context: LoadContext,
): Promise<LoadedFile> {
  const { file } = source;
  const layer: Layer = { name: basename(stemOf(source.path)), geometryType: 'None', fields: [] };
  const { crs, notes: crsNotes } = await resolveCrs(source, { layer, singleLayer: true }, context);
  const srid = await sridOf(context.session, crs);
  const described = describeSource(source, { layer, singleLayer: true }, crs, 0);
  const columns = await copyPoints(points, { table, srid, file }, context);
  const measured = await measureReadable(source, table, {}, context);
  const extentNotes = await checkTableExtent(measured.extent, { crs, srid }, file, context);
  return {
    table,
    srid,
    columns,
    source: { ...described, row_count: measured.rowCount },
    notes: [...crsNotes, ...points.table.notes, ...points.notes, ...measured.notes, ...extentNotes],
    rejected: points.table.rejected,
  };
}

/** Loads one layer. Runs ogrinfo unless the file is a plain shapefile, then ogr2ogr or a reader of rows, then SQL. */
async function loadLayer(fetched: VectorSource, table: string, context: LoadContext): Promise<LoadedFile> {
  const { session, signal } = context;
  const prepared = await prepareLayer(fetched, context);
  const { source, description } = prepared;
  const { crs, notes: crsNotes } = await resolveCrs(source, description, context);
  const isPrjRemoved = await removeUnreadablePrj(source, description.layer);
  const srid = await sridOf(session, crs);
  const { copied, columns, notes: tableNotes } = await fillTable(prepared, { table, crs, srid }, context);
  const { rowCount, extent, notes: unreadableNotes } = await measureReadable(source, table, copied, context);
  // A removed .prj is reported once: by the note about the CRS, not by the messages of ogrinfo.
  const messages = isPrjRemoved ? copied.stderr : `${description.stderr}\n${copied.stderr}`;
  const messageNotes = notesFromMessages(messages, source.file, source.schema?.views);
  const extentNotes = await checkTableExtent(extent, { crs, srid }, source.file, context);
  return {
    table,
    srid,
    columns,
    keyColumn: columns[copied.fields.findIndex(({ name }) => name === copied.keyField)],
    source: describeSource({ ...source, format: fetched.format }, description, crs, rowCount),
    notes: [
      ...crsNotes,
      ...prepared.notes,
      ...messageNotes,
      ...tableNotes,
      ...(await gmlNotes(source, description, { rowCount, columns }, signal)),
      ...unreadableNotes,
      ...extentNotes,
    ],
  };
}

/** A file that GDAL reads without changing its values, and its layer. */
interface PreparedLayer {
  source: VectorSource;
  description: LayerDescription;
  /** The types that the file declares for fields that are copied as text. */
  declared: DeclaredTypes | undefined;
  notes: Note[];
}

/** Unpacks and rewrites the local copy of a file, and describes its layer. */
async function prepareLayer(fetched: VectorSource, context: LoadContext): Promise<PreparedLayer> {
  const { signal } = context;
  const { unpacked, notes: unpackNotes } = await unpackKmz(fetched, context);
  const { rewritten, declared, notes: textNotes } = await rewriteText(unpacked, signal);
  const {
    source,
    description,
    notes: pointNotes,
  } = await withElevations(rewritten, await describeLayer(rewritten, context), signal);
  return {
    source,
    description,
    declared: source.format.name === 'GML' ? await declareGmlTexts(source, description.layer) : declared,
    notes: [...viewNotes(source), ...unpackNotes, ...textNotes, ...pointNotes],
  };
}

/** Copies a layer into its staging table, and gives the columns their types and names. */
async function fillTable(
  { source, description, declared }: PreparedLayer,
  { table, crs, srid }: { table: string; crs: Crs; srid: number },
  context: LoadContext,
): Promise<{ copied: CopiedLayer; columns: Column[]; notes: Note[] }> {
  const { session, env, signal } = context;
  const { file } = source;
  const names = stagedNames(fieldNames(description.layer));
  const copied = await copyLayer(source, description, { table, crs, srid, names }, context);
  const { fields } = copied;
  const types = { fields, declared: fields.map((field, index) => declared?.(field, index)), names, file, signal };
  const typeNotes = declared === undefined ? [] : await typeTextColumns(session, table, types);
  const roundedNotes = await roundedTextNotes(source, description.layer, context);
  const jsonNotes = await convertJsonColumns(session, table, fields, names, file);
  const finished = await finishTable(session, table, {
    originals: fieldNames(copied),
    names,
    geometryColumn: env.GEOMETRY_COLUMN,
    file,
    dimensionsGuessed: copied.dimensionsGuessed,
    sridToSet: copied.sridMissing ? srid : undefined,
  });
  return {
    copied,
    columns: finished.columns.map(({ name, type }) => ({ name, type })),
    notes: [...copied.notes, ...typeNotes, ...roundedNotes, ...jsonNotes, ...finished.notes],
  };
}

/** Rewrites what GDAL would change or reject in the text of a file. `declared`: the types that the file declares. */
async function rewriteText(source: VectorSource, signal: AbortSignal) {
  const { format, path } = source;
  await ensureUtf8(source, signal);
  await rejectNul(source, signal);
  if (format.name === 'GML') await makeCoordinatesExact(path, signal);
  const json = format.drivers.includes('GeoJSON') ? await rewriteGeoJson(path, signal) : undefined;
  const { declared, valueMarker, isExtrudeUnset, notes = [] } = await declareTexts(source, signal);
  return { rewritten: { ...source, json, valueMarker, isExtrudeUnset }, declared, notes };
}

/** Adds Z to the lines of a GPX document whose points have elevations. */
async function withElevations(source: VectorSource, described: LayerDescription, signal: AbortSignal) {
  const { layer } = described;
  const values = source.format.name === 'GPX' ? await readPointValues(source, layer, signal) : undefined;
  if (values?.hasElevations !== true) return { source, description: described, notes: values?.notes ?? [] };
  const description = { ...described, layer: { ...layer, geometryType: `3D ${layer.geometryType}` } };
  return { source: { ...source, hasElevations: true }, description, notes: values.notes };
}

/** Notes what GDAL leaves out of a GML document, and what it changes. */
async function gmlNotes(
  source: VectorSource,
  { layer, singleLayer }: LayerDescription,
  { rowCount, columns }: { rowCount: number; columns: Column[] },
  signal: AbortSignal,
): Promise<Note[]> {
  if (source.format.name !== 'GML') return [];
  const geometryNotes = singleLayer ? await droppedGeometryNotes(source, rowCount, signal) : [];
  return [...geometryNotes, ...(await gmlValueNotes(source, { ...layer, columns }, signal))];
}

/** Measures the table after the removal of unreadable geometries. A table without them is scanned once. */
async function measureReadable(
  source: VectorSource,
  table: string,
  { unreadable }: Partial<Pick<CopiedLayer, 'unreadable'>>,
  { session, env, signal }: LoadContext,
) {
  const geometryColumn = env.GEOMETRY_COLUMN;
  const measured = await measureTable(session, table, geometryColumn);
  const note = await removeUnreadable(source, table, measured, { session, geometryColumn, unreadable, signal });
  if (note === undefined) return { ...measured, notes: [] };
  return { ...(await measureTable(session, table, geometryColumn)), notes: [note] };
}

/**
 * Removes a .prj that GDAL cannot read, when the manifest declares the CRS. Otherwise every GDAL program would report
 * the file as damaged. Returns true when a .prj was removed.
 */
async function removeUnreadablePrj({ path, parts }: VectorSource, layer: Layer): Promise<boolean> {
  if (layer.wkt !== undefined || !parts.includes('.prj')) return false;
  await rm(`${stemOf(path)}.prj`);
  return true;
}

function describeSource(
  { file, sha256, sizeBytes, format, declared }: VectorSource,
  { layer, singleLayer }: Pick<LayerDescription, 'layer' | 'singleLayer'>,
  crs: Crs,
  rowCount: number,
): SourceFile {
  return {
    path: file,
    sha256,
    size_bytes: sizeBytes,
    format: format.name,
    layer: singleLayer && declared.layer === undefined ? null : layer.name,
    crs: crsLabel(crs),
    row_count: rowCount,
  };
}

/** Views that a note lists. A database can have thousands. */
const MAX_LISTED_VIEWS = 20;

function viewNotes({ schema, file }: VectorSource): Note[] {
  const { views = [] } = schema ?? {};
  if (views.length === 0) return [];
  const names = views.map((view) => JSON.stringify(view));
  const message = `Views were skipped: ${listNames(names, MAX_LISTED_VIEWS)}. Sluice loads tables only.`;
  return [{ code: 'VIEWS_SKIPPED', file, message }];
}

function fieldNames({ fields }: Pick<Layer | CopiedLayer, 'fields'>): string[] {
  return fields.map((field) => field.name);
}
