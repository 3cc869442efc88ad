import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import format from 'pg-format';
import type { Note } from '#shared/contracts/shared-schemas.ts';
import type { Crs } from '#shared/gdal/crs/crs.ts';
import type { LayerField } from '#shared/gdal/layers.ts';
import { stemOf } from '#shared/landing/source-parts.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import type { LayerDescription, VectorSource } from '../vector-source.ts';
import type { LoadContext } from '../load-context.ts';
import { dbfConversions, prepareDbf } from '../dbf/prepare-dbf.ts';
import { planJsonColumns } from '../geojson/plan-columns.ts';
import { epsgOf } from '../crs/srid.ts';
import { loadRows } from '../readers/load-rows.ts';
import { quotedSqlite } from '../readers/sqlite-columns.ts';
import type { RowsJob } from '../readers/rows-worker.ts';
import type { UnreadableRows } from '../readers/table-reader.ts';
import { planConverted, planSqlite } from '../readers/sqlite-job.ts';
import { maxCopyBytes, withCopyLimit } from '../staging/copy-limit.ts';
import { removeValueMarkers } from '../texts/value-markers.ts';
import { convertColumns } from '../staging/convert-columns.ts';
import { droppedNote } from '../staging/finish-table.ts';
import { openOptions, planConversion, planLoad } from './plan-load.ts';
import { CONVERTED_TABLE } from '../readers/sqlite-job.ts';
import type { StagedNames } from '../staging/staged-names.ts';
import { runOgr } from './run-ogr.ts';

export interface CopiedLayer {
  /** True when the geometries got a Z and an M that they may not have (LoadPlan). */
  dimensionsGuessed: boolean;
  /** True when the geometries have no SRID yet. */
  sridMissing: boolean;
  /** The messages of ogr2ogr; empty when it was not run. */
  stderr: string;
  /** The attributes of the table, in order, with their names in the file. */
  fields: readonly LayerField[];
  /** The name of the attribute with the key of the features, if the file stores one. */
  keyField?: string | undefined;
  /** Rows whose geometry could not be read; undefined when GDAL read the file, which does not report them. */
  unreadable?: UnreadableRows;
  /** About columns whose declared type cannot hold their values. */
  notes: readonly Note[];
}

interface CopyOptions {
  table: string;
  crs: Crs;
  srid: number;
  names: StagedNames;
}

/**
 * Copies a layer into the staging table: FlatGeobuf and tables of SQLite databases directly, layers of
 * CONVERTED_FORMATS and other layers of SQLite databases after ogr2ogr has converted them to a table of SQLite, and the
 * rest with ogr2ogr. Throws FILE_TOO_LARGE when the layer has more rows than a file of its size can hold, and the
 * errors of loadRows and of explainGdalFailure.
 */
export async function copyLayer(
  source: VectorSource,
  description: LayerDescription,
  { table, crs, srid, names }: CopyOptions,
  context: LoadContext,
): Promise<CopiedLayer> {
  const maxBytes = await maxCopyBytes(context.folder, source.format);
  const { job, stderr } = await planRows(source, description, { srid, names }, context);
  if (job === undefined) return copyWithGdal(source, description, { table, epsg: epsgOf(crs, srid), names }, context);
  const { columns, notes, unreadable } = await loadRows(job, { table, names, maxBytes }, context);
  const fields = columns.map(({ name, declared, type }): LayerField => ({
    name,
    type: type === 'character varying' ? declared : type,
  }));
  const { key, dropped } = job.kind === 'sqlite' ? job : { key: undefined, dropped: [] };
  return {
    dimensionsGuessed: false,
    sridMissing: false,
    stderr,
    fields,
    keyField: key,
    unreadable,
    notes: [...notes, ...dropped.map((name) => droppedNote(name, source.file))],
  };
}

/** Formats with numbers that only GDAL can read. */
const CONVERTED_FORMATS = new Set(['KML', 'KMZ', 'GPX', 'MapInfo File', 'MIF']);

/** What Sluice reads itself, after a conversion by GDAL where it needs one; no job for a layer that GDAL copies. */
async function planRows(
  source: VectorSource,
  description: LayerDescription,
  { srid, names }: { srid: number; names: StagedNames },
  context: LoadContext,
): Promise<{ job: RowsJob | undefined; stderr: string }> {
  const { format, path, file } = source;
  if (format.name === 'FlatGeobuf') return { job: { kind: 'flatgeobuf', path, file, srid }, stderr: '' };
  const job = planSqlite(source, description, srid);
  if (job !== undefined || !(CONVERTED_FORMATS.has(format.name) || source.schema !== undefined))
    return { job, stderr: '' };
  const { layer, singleLayer } = description;
  const converted = join(context.folder, 'sluice-converted.sqlite');
  const options = {
    ...{ path, folder: context.folder, format, layer, singleLayer, names, openOptions: openOptions(source) },
    environment: { GPX_ELE_AS_25D: source.hasElevations === true ? 'YES' : 'NO' },
  };
  const { stderr } = await runOgr(source, planConversion(options, converted), context);
  if (format.drivers.includes('LIBKML')) clearUnset(converted, layer, source.isExtrudeUnset === true);
  if (source.valueMarker !== undefined) removeValueMarkers(converted, source.valueMarker);
  return { job: planConverted(converted, { file, layer, names, srid }), stderr };
}

/** Fields of every KML layer. GDAL writes -1, or 0 for `extrude`, where the element is missing; KML allows 0 and 1. */
const KML_FLAGS = new Set(['tessellate', 'extrude', 'visibility']);

function clearUnset(path: string, { fields }: LayerDescription['layer'], isExtrudeUnset: boolean): void {
  using database = new DatabaseSync(path, { allowExtension: false });
  const flags = fields.filter(({ name, type }) => type === 'Integer' && KML_FLAGS.has(name));
  for (const { name } of flags) {
    const unset = name === 'extrude' && isExtrudeUnset ? '-1, 0' : '-1';
    const column = quotedSqlite(name);
    database.exec(`update ${quotedSqlite(CONVERTED_TABLE)} set ${column} = null where ${column} in (${unset})`);
  }
}

/** Copies a layer with ogr2ogr. `epsg` is the EPSG code of the CRS if PostGIS has it. */
async function copyWithGdal(
  source: VectorSource,
  { layer, singleLayer }: LayerDescription,
  { table, epsg, names }: { table: string; epsg: number | undefined; names: StagedNames },
  context: LoadContext,
): Promise<CopiedLayer> {
  const { session, folder, gdal, signal } = context;
  const isShapefile = source.format.name === 'ESRI Shapefile';
  const dbf = isShapefile ? await prepareDbf(source, layer, signal) : undefined;
  const json = source.json && planJsonColumns(source.json, layer.fields, source.file);
  const dbfTypes = dbf?.types.map((column) => column && (column.hasOverflows ? 'character varying' : column.type));
  const { command, dimensionsGuessed, sridMissing } = planLoad({
    path: source.path,
    folder,
    format: source.format,
    layer,
    singleLayer,
    schema: session.schema,
    table,
    names,
    epsg,
    openOptions: openOptions(source),
    columnTypes: dbfTypes ?? json?.types ?? [],
    environment: libpqEnvironment(session),
  });
  const limit = { maxBytes: await maxCopyBytes(folder, source.format), file: source.file };
  const copy = () =>
    withCopyLimit(session, limit, signal, (copySignal) => runOgr(source, command, { gdal, signal: copySignal }));
  let { stderr } = await copy();
  if (await lostGeometries(session, { table, geometry: names.geometry }, source)) {
    await session.query(format('drop table %I', table));
    ({ stderr } = await copy());
  }
  const conversions = dbf === undefined ? (json?.conversions ?? []) : dbfConversions(dbf.types);
  await convertColumns(session, table, names, conversions);
  return { dimensionsGuessed, sridMissing, stderr, fields: layer.fields, notes: (dbf ?? json)?.notes ?? [] };
}

/**
 * Whether geometries may be missing because of the .gfs file that GDAL writes beside a GML document when it describes
 * it: in some documents with several layers it holds a wrong name of the geometry. The file is removed then, so that
 * GDAL examines the document again.
 */
async function lostGeometries(
  session: PostgisSession,
  { table, geometry }: { table: string; geometry: string },
  { format: { name }, path }: VectorSource,
): Promise<boolean> {
  const description = `${stemOf(path)}.gfs`;
  if (name !== 'GML' || !existsSync(description)) return false;
  const sql = format('select exists (select from %I where %I is null) as missing', table, geometry);
  const [found] = await session.query<{ missing: boolean }>(sql);
  if (found?.missing === true) await rm(description);
  return found?.missing === true;
}

/** Parameters of a PostgreSQL URL and the environment variables of libpq for them. */
const URL_PARAMETERS: Record<string, string> = {
  application_name: 'PGAPPNAME',
  options: 'PGOPTIONS',
  sslmode: 'PGSSLMODE',
  sslrootcert: 'PGSSLROOTCERT',
};

/**
 * The connection of a session as environment variables for a program that uses libpq. Command-line arguments are not
 * used, because every user of the machine could read the password in them.
 */
export function libpqEnvironment({
  client,
  connectionString,
}: Pick<PostgisSession, 'client' | 'connectionString'>): Record<string, string> {
  const parameters = new URLSearchParams(connectionString.slice(connectionString.indexOf('?') + 1));
  const variables: Record<string, string | null | undefined> = {
    PGHOST: client.host,
    PGPORT: String(client.port),
    PGUSER: client.user,
    PGPASSWORD: client.password,
    PGDATABASE: client.database,
  };
  for (const [parameter, variable] of Object.entries(URL_PARAMETERS)) variables[variable] = parameters.get(parameter);
  return Object.fromEntries(
    Object.entries(variables).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string' && entry[1] !== '',
    ),
  );
}
