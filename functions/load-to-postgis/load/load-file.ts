import { rm } from 'node:fs/promises';
import { asSluiceError } from '#shared/errors/sluice-error.ts';
import { crsLabel } from '#shared/gdal/crs/crs.ts';
import type { GdalCommand, GdalResult } from '#shared/gdal/gdal.ts';
import { describeLayersCommand, type Layer, parseLayers } from '#shared/gdal/layers.ts';
import type { Crs } from '#shared/gdal/crs/wkt.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import type { Context } from '#shared/runtime/context.ts';
import { stemOf } from '#shared/landing/source-parts.ts';
import type { Column, Note, SourceFile } from '#shared/contracts/facts.ts';
import { checkExtent, measureTable } from '../crs/check-extent.ts';
import { chooseLayer } from '../describe/choose-layer.ts';
import { type CsvGeometry, csvGeometry } from '../csv/geometry-columns.ts';
import { checkCsvRows } from '../csv/count-records.ts';
import { typeCsvTable } from '../csv/type-table.ts';
import type { VectorSource } from '../fetch/fetch-vector.ts';
import { finishTable } from './finish-table.ts';
import { typeJsonColumns } from './json-columns.ts';
import { libpqEnvironment } from './libpq-environment.ts';
import { copyLimit, withinCopyLimit } from '../guards/copy-limit.ts';
import { explainLoadFailure, notesOfMessages } from './load-messages.ts';
import { planLoad } from './plan-load.ts';
import { refuseNul } from '../guards/reject-nul.ts';
import { resolveCrs } from '../crs/resolve-crs.ts';
import { plainShapefileLayer, rememberPrj } from '../describe/shapefile-header.ts';
import { epsgOf, sridOf } from '../crs/srid.ts';
import { ensureUtf8 } from '../fetch/ensure-utf8.ts';

/** A file of the manifest as a table of the run's schema. */
export interface LoadedFile {
  table: string;
  source: SourceFile;
  columns: Column[];
  srid: number;
  notes: Note[];
}

interface Surroundings extends Pick<Context, 'gdal' | 'env'> {
  session: PostgisSession;
  folder: string;
  signal: AbortSignal;
}

/** Loads one fetched file into `table`: a run of ogrinfo unless the file is plain, one of ogr2ogr, then SQL. Throws what docs/errors.md lists under "Reading the files". */
export async function loadFile(source: VectorSource, table: string, surroundings: Surroundings): Promise<LoadedFile> {
  const { session, env, gdal, signal } = surroundings;
  await ensureUtf8(source, signal);
  await refuseNul(source, signal);
  const { layer, singleLayer, said } = await describe(source, surroundings);
  const csv =
    source.format.name === 'CSV'
      ? csvGeometry(
          layer.fields.map((field) => field.name),
          source.declared,
          source.file,
        )
      : undefined;
  const { crs, notes } = await resolveCrs(source, layer, { gdal, signal });
  const prjIsUnreadable = layer.wkt === undefined && source.parts.includes('.prj'); // The manifest says the CRS instead.
  if (prjIsUnreadable) await rm(`${stemOf(source.path)}.prj`); // Every program of GDAL would call the file damaged.
  const srid = await sridOf(session, crs);
  const plan = planLoad({
    path: source.path,
    folder: surroundings.folder,
    format: source.format,
    layer,
    singleLayer,
    schema: session.schema,
    table,
    epsg: epsgOf(crs, srid),
    openOptions: openOptions(source),
    environment: libpqEnvironment(session),
  });
  const limit = { maxBytes: await copyLimit(surroundings.folder, source.format), file: source.file };
  const loaded = await withinCopyLimit(session, limit, signal, (stop) =>
    runOn(source, plan.command, { gdal, signal: stop }),
  );
  const finished = await finish(
    table,
    { layer, csv, crs, srid, dimensionsGuessed: plan.dimensionsGuessed, sridMissing: plan.sridMissing },
    source,
    surroundings,
  );
  const { rowCount, extent } = await measureTable(session, table, env.GEOMETRY_COLUMN);
  if (csv !== undefined) await checkCsvRows(source.path, rowCount, source.file, signal);
  return {
    table,
    srid,
    columns: finished.columns.map(({ name, type }) => ({ name, type })),
    source: {
      path: source.file,
      sha256: source.sha256,
      size_bytes: source.sizeBytes,
      format: source.format.name,
      layer: singleLayer && source.declared.layer === undefined ? null : layer.name,
      crs: crsLabel(crs),
      row_count: rowCount,
    },
    notes: [
      ...notes,
      ...encodingNotes(source),
      ...notesOfMessages(prjIsUnreadable ? loaded.stderr : `${said}\n${loaded.stderr}`, source.file),
      ...finished.notes,
      ...(await checkExtent(extent, { crs, srid }, source.file, surroundings)),
    ],
  };
}

async function describe(
  source: VectorSource,
  surroundings: Surroundings,
): Promise<{ layer: Layer; singleLayer: boolean; said: string }> {
  const { format, file, path, parts, declared } = source;
  const isShapefile = format.name === 'ESRI Shapefile';
  const plain = isShapefile ? await plainShapefileLayer(path, parts.includes('.prj')) : undefined;
  if (plain !== undefined) return { layer: chooseLayer([plain], format, undefined, file), singleLayer: true, said: '' };
  const count = format.derivedLayers !== undefined;
  const command = describeLayersCommand(path, surroundings.folder, format.drivers, {
    openOptions: openOptions(source),
    count,
  });
  const { stdout, stderr } = await runOn(source, command, surroundings);
  const layers = parseLayers(stdout);
  // These have one layer, named after the file; the archive's dataset was chosen by that name already.
  const named = isShapefile || format.name === 'CSV' ? undefined : declared.layer;
  const layer = chooseLayer(layers, format, named, file);
  if (isShapefile && parts.includes('.prj')) await rememberPrj(path, layer);
  return { layer, singleLayer: layers.length === 1, said: stderr };
}

async function finish(
  table: string,
  loaded: {
    layer: Layer;
    csv: CsvGeometry | undefined;
    crs: Crs;
    srid: number;
    dimensionsGuessed: boolean;
    sridMissing: boolean;
  },
  source: VectorSource,
  { session, env, folder, signal }: Surroundings,
) {
  const originals = loaded.layer.fields.map((field) => field.name);
  if (loaded.csv !== undefined)
    await typeCsvTable(session, table, {
      geometry: loaded.csv,
      originals,
      srid: loaded.srid,
      file: source.file,
      folder,
      threads: env.CORES,
      signal,
    });
  const notes = await typeJsonColumns(session, table, loaded.layer.fields, source.file);
  const { csv } = loaded;
  const finished = await finishTable(session, table, {
    originals: csv?.kind === 'wkt' ? originals.filter((name) => name !== csv.column) : originals,
    geometryColumn: env.GEOMETRY_COLUMN,
    file: source.file,
    dimensionsGuessed: loaded.dimensionsGuessed,
    sridToSet: loaded.sridMissing && csv === undefined ? loaded.srid : undefined,
  });
  return { columns: finished.columns, notes: [...notes, ...finished.notes] };
}

async function runOn(
  source: VectorSource,
  command: GdalCommand,
  { gdal, signal }: Pick<Surroundings, 'gdal' | 'signal'>,
): Promise<GdalResult> {
  try {
    return await gdal.run(command, { signal });
  } catch (thrown) {
    throw explainLoadFailure(asSluiceError(thrown), source.file);
  }
}

function openOptions(source: VectorSource): string[] {
  if (source.format.name === 'CSV') return ['AUTODETECT_TYPE=NO', 'KEEP_GEOM_COLUMNS=YES'];
  return source.format.encoding === 'driver' && source.declared.encoding !== undefined
    ? [`ENCODING=${source.declared.encoding}`]
    : [];
}

function encodingNotes({ format, declared, file }: VectorSource): Note[] {
  if (declared.encoding === undefined || format.encoding !== 'in file') return [];
  return [
    {
      code: 'ENCODING_IGNORED',
      file,
      message: `\`encoding\` was not used: a ${format.name} file says itself how its text is encoded.`,
    },
  ];
}
