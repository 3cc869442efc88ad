import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { VectorFormat } from '#shared/formats/vector-formats.ts';
import type { Layer } from '#shared/gdal/layers.ts';

/** PostgreSQL's limit of 1,600, less our own columns. */
const MAX_COLUMNS = 1590;
/** Layers that a message names; details hold all. */
const TOLD_LAYERS = 20;

/**
 * The layer to load: the one that the manifest names, else the only one with geometry. GPX always has five layers, so empty ones and those
 * derived from others don't count there. Throws LAYER_MISSING, LAYER_AMBIGUOUS, NO_GEOMETRY, TOO_MANY_COLUMNS, FILE_UNREADABLE.
 */
export function chooseLayer(layers: Layer[], format: VectorFormat, named: string | undefined, file: string): Layer {
  const chosen = named === undefined ? onlyLayer(layers, format, file) : namedLayer(layers, named, file);
  // A CSV's geometry is made from its columns, later.
  if (chosen.geometryType === 'None' && format.name !== 'CSV') {
    throw new SluiceError(
      'NO_GEOMETRY',
      `Layer ${JSON.stringify(chosen.name)} of ${file} has no geometry. Use intent ingest_tabular for tables.`,
      { details: { file, layer: chosen.name } },
    );
  }
  if (chosen.fields.length > MAX_COLUMNS) {
    throw new SluiceError(
      'TOO_MANY_COLUMNS',
      `${file} has ${chosen.fields.length} columns; at most ${MAX_COLUMNS} can be loaded. Drop columns, or split the table.`,
      { details: { file, columns: chosen.fields.length, limit: MAX_COLUMNS } },
    );
  }
  return chosen;
}

function namedLayer(layers: Layer[], named: string, file: string): Layer {
  const chosen = layers.find((layer) => layer.name === named);
  if (chosen !== undefined) return chosen;
  throw new SluiceError('LAYER_MISSING', `${file} has no layer ${JSON.stringify(named)}; it has ${told(layers)}.`, {
    details: { file, layer: named, layers: layers.map((layer) => layer.name) },
  });
}

function onlyLayer(layers: Layer[], format: VectorFormat, file: string): Layer {
  const [first] = layers;
  if (first === undefined) throw new SluiceError('FILE_UNREADABLE', `${file} holds no layer.`, { details: { file } });
  if (layers.length === 1) return first;
  const spatial = layers.filter((layer) => layer.geometryType !== 'None');
  const derived = format.derivedLayers ?? [];
  const candidates =
    format.derivedLayers === undefined
      ? spatial
      : spatial.filter((layer) => layer.featureCount !== 0 && !derived.includes(layer.name));
  if (candidates.length === 1 && candidates[0] !== undefined) return candidates[0];
  if (spatial.length === 0)
    throw new SluiceError(
      'NO_GEOMETRY',
      `${file} has no layer with geometry; it has ${told(layers)}. Use intent ingest_tabular for tables.`,
      { details: { file, layers: layers.map((layer) => layer.name) } },
    );
  // A GPX file without any feature: each layer is empty, so any of them is the answer.
  if (candidates.length === 0) return spatial.find((layer) => (layer.featureCount ?? 0) > 0) ?? first;
  throw new SluiceError(
    'LAYER_AMBIGUOUS',
    `${file} has ${candidates.length} layers with geometry: ${told(candidates)}. Name one with \`layer\` in the manifest.`,
    { details: { file, layers: candidates.map((layer) => layer.name) } },
  );
}

function told(layers: Layer[]): string {
  const names = layers.slice(0, TOLD_LAYERS).map((layer) => JSON.stringify(layer.name));
  return `${names.join(', ')}${layers.length > TOLD_LAYERS ? ` and ${layers.length - TOLD_LAYERS} more` : ''}`;
}
