import { basename } from 'node:path';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import type { GdalCommand } from '#shared/gdal/gdal.ts';
import { describeLayersCommand, type Layer, parseLayers } from '#shared/gdal/layers.ts';
import { layerInside } from '#shared/landing/fetch-source.ts';
import type { VectorSource } from '../load/fetch-vector.ts';
import { openOptions, runGdal, type LoadContext } from '../run-gdal.ts';
import { chooseLayer } from './choose-layer.ts';
import { cachePrj, describePlainShapefile } from './shapefile-header.ts';

export interface LayerDescription {
  /** The layer to load. */
  layer: Layer;
  /** True when the file has no other layer. */
  singleLayer: boolean;
  /** The messages of ogrinfo; empty when it was not run. */
  stderr: string;
}

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
  if (isShapefile && parts.includes('.prj')) await cachePrj(path, layer);
  return { layer, singleLayer: layers.length === 1, stderr };
}

/** The layers of a file. A database that contains views only has none, and GDAL may not open it. */
async function listLayers(
  source: VectorSource,
  command: GdalCommand,
  context: Pick<LoadContext, 'gdal' | 'signal'>,
): Promise<{ layers: Layer[]; stderr: string }> {
  const [view] = source.schema?.views ?? [];
  try {
    const { stdout, stderr } = await runGdal(source, command, context);
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
