import { gridOfExtent } from '#shared/contracts/extent.ts';
import { type InspectedLayer, type Inspection, MAX_LISTED_LAYERS } from '#shared/contracts/inspection.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { checkExtentInCrs, gdalExtentInDegrees } from '#shared/gdal/crs/check-extent.ts';
import { type Crs, crsLabel } from '#shared/gdal/crs/crs.ts';
import { describeLayersCommand, type Layer } from '#shared/gdal/layers.ts';
import { layerInside } from '#shared/landing/fetch-source.ts';
import type { InspectionRequest } from '#shared/runtime/inspection.ts';
import { resolveCrs } from './crs/resolve-crs.ts';
import { stagePoints } from './csv/read-points.ts';
import { chooseLayer, listLayers } from './load/describe-layer.ts';
import { fetchVector } from './load/fetch-vector.ts';
import { openOptions } from './load/plan-load.ts';
import { ensureUtf8 } from './texts/ensure-utf8.ts';
import { unpackKmz } from './texts/unpack-kmz.ts';
import type { VectorSource } from './vector-source.ts';

/** Each layer takes two programs of GDAL for its CRS and its extent. */
const MAX_LOCATED_LAYERS = 20;

/** Describes the layers of an uploaded vector file, with the rules of the load. Throws the errors of fetchVector. */
export async function inspectVector(request: InspectionRequest): Promise<Inspection> {
  const fetched = await fetchVector(request.file, request);
  if (fetched.format.name === 'CSV') return inspectPoints(fetched, request);
  const { unpacked: source } = await unpackKmz(fetched, request);
  await ensureUtf8(source, request.signal);
  const command = describeLayersCommand(source.path, request.folder, source.format.drivers, {
    openOptions: openOptions(source),
    count: true,
    extent: true,
  });
  const { layers } = await listLayers(source, command, request);
  const choice = attempt(() => chooseLayer(layers, source.format, namedLayer(source, layers), source.file));
  const described: InspectedLayer[] = [];
  let problem = choice.error;
  let located = 0;
  for (const layer of layers.slice(0, MAX_LISTED_LAYERS)) {
    const isLocated = layer.geometryType !== 'None' && (layer === choice.value || located < MAX_LOCATED_LAYERS);
    if (isLocated) located += 1;
    const { error, ...place } = isLocated
      ? await locate(source, layer, layers.length === 1, request)
      : { ...NO_PLACE, error: undefined };
    if (layer === choice.value) problem ??= error;
    const columns = layer === choice.value ? layer.fields.map(({ name }) => name) : [];
    described.push({ ...describe(layer), columns, ...place });
  }
  const chosen = choice.value === undefined ? -1 : layers.indexOf(choice.value);
  return {
    layers: described,
    chosen: chosen >= 0 && chosen < described.length ? chosen : null,
    problem: problem?.toDocument() ?? null,
  };
}

type Place = Pick<InspectedLayer, 'crs' | 'bbox'>;
const NO_PLACE: Place = { crs: null, bbox: null };

function describe({ name, geometryType, featureCount, fields }: Layer) {
  return {
    name,
    geometry_type: geometryType === 'None' ? null : geometryType,
    row_count: featureCount ?? null,
    column_count: fields.length,
  };
}

function namedLayer(source: VectorSource, layers: readonly Layer[]): string | undefined {
  return layerInside(
    source,
    layers.map(({ name }) => name),
  );
}

/** The CRS and the extent of a layer, and why they do not allow to load it. */
async function locate(
  source: VectorSource,
  layer: Layer,
  singleLayer: boolean,
  request: InspectionRequest,
): Promise<Place & { error: SluiceError | undefined }> {
  const { value: chosen, error } = await attemptAsync(() => resolveCrs(source, { layer, singleLayer }, request));
  if (chosen === undefined) return { ...NO_PLACE, error };
  const { crs } = chosen;
  const place = { crs: crsLabel(crs), bbox: await boundsOf(layer, crs, request) };
  const checked = await attemptAsync(async () => {
    if (layer.extent)
      await checkExtentInCrs(crs, layer.extent, source.file, () => Promise.resolve(place.bbox ?? undefined));
  });
  return { ...place, error: checked.error };
}

async function boundsOf({ extent }: Layer, crs: Crs, { gdal, signal }: InspectionRequest): Promise<Place['bbox']> {
  if (extent === undefined) return null;
  return (await gdalExtentInDegrees(gridOfExtent(extent), crs, gdal, signal)) ?? null;
}

/** A CSV of features has no layers, and declares no CRS. */
async function inspectPoints(source: VectorSource, request: InspectionRequest): Promise<Inspection> {
  const { table } = await stagePoints(source, request);
  const layer: Layer = { name: '', geometryType: 'Point', fields: [] };
  const place = await locate(source, layer, true, request);
  return {
    layers: [
      {
        name: null,
        geometry_type: null,
        row_count: table.rowCount,
        column_count: table.columns.length,
        columns: table.columns.map(({ name }) => name),
        crs: place.crs,
        bbox: null,
      },
    ],
    chosen: 0,
    problem: place.error?.toDocument() ?? null,
  };
}

interface Attempt<T> {
  value?: T | undefined;
  error?: SluiceError | undefined;
}

/** The result of work, or its error about the input of the user. Throws other errors. */
function attempt<T>(work: () => T): Attempt<T> {
  try {
    return { value: work() };
  } catch (thrown) {
    return { error: inputError(thrown) };
  }
}

async function attemptAsync<T>(work: () => Promise<T>): Promise<Attempt<T>> {
  try {
    return { value: await work() };
  } catch (thrown) {
    return { error: inputError(thrown) };
  }
}

function inputError(thrown: unknown): SluiceError {
  if (thrown instanceof SluiceError && !thrown.retryable) return thrown;
  throw thrown;
}
