import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { VectorFormat } from '#shared/formats/vector-formats.ts';
import type { Layer } from '#shared/gdal/layers.ts';
import { MAX_POSTGRES_COLUMNS } from '#shared/postgis/run-schema.ts';

/** Leaves room for the columns that Sluice adds: the key, the geometry, and those of the loading. */
const MAX_COLUMNS = MAX_POSTGRES_COLUMNS - 10;
/** Layers named in a message. The details of the error hold all of them. */
const MAX_LISTED_LAYERS = 20;

/**
 * The layer to load: the one that the manifest names, else the only one with a geometry. Throws LAYER_MISSING,
 * LAYER_AMBIGUOUS, NO_GEOMETRY, TOO_MANY_COLUMNS, FILE_UNREADABLE.
 */
export function chooseLayer(layers: Layer[], format: VectorFormat, named: string | undefined, file: string): Layer {
  const layer = named === undefined ? onlySpatialLayer(layers, format, file) : layerByName(layers, named, file);
  // The geometry of a CSV is created from its columns after the load.
  if (layer.geometryType === 'None' && format.name !== 'CSV') {
    throw new SluiceError(
      'NO_GEOMETRY',
      `Layer ${JSON.stringify(layer.name)} of ${file} has no geometry. Use intent ingest_tabular for tables.`,
      { details: { file, layer: layer.name } },
    );
  }
  if (layer.fields.length > MAX_COLUMNS) {
    throw new SluiceError(
      'TOO_MANY_COLUMNS',
      `${file} has ${layer.fields.length} columns; the limit is ${MAX_COLUMNS}. Remove columns, or split the table.`,
      { details: { file, columns: layer.fields.length, limit: MAX_COLUMNS } },
    );
  }
  return layer;
}

function layerByName(layers: Layer[], name: string, file: string): Layer {
  const layer = layers.find((candidate) => candidate.name === name);
  if (layer !== undefined) return layer;
  throw new SluiceError(
    'LAYER_MISSING',
    `${file} has no layer ${JSON.stringify(name)}; it has ${listNames(layers)}. Correct \`layer\` in the manifest.`,
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
      `${file} has no layer with a geometry; it has ${listNames(layers)}. Use intent ingest_tabular for tables.`,
      { details: { file, layers: namesOf(layers) } },
    );
  // Every layer of a GPX file is empty or derived: load a derived layer with features, else an empty one.
  if (candidates.length === 0) return spatial.find((layer) => (layer.featureCount ?? 0) > 0) ?? first;
  throw new SluiceError(
    'LAYER_AMBIGUOUS',
    `${file} has ${candidates.length} layers with a geometry: ${listNames(candidates)}. ` +
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

function listNames(layers: Layer[]): string {
  const names = namesOf(layers)
    .slice(0, MAX_LISTED_LAYERS)
    .map((name) => JSON.stringify(name));
  const more = layers.length > MAX_LISTED_LAYERS ? ` and ${layers.length - MAX_LISTED_LAYERS} more` : '';
  return `${names.join(', ')}${more}`;
}
