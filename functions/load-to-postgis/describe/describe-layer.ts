import { describeLayersCommand, type Layer, parseLayers } from '#shared/gdal/layers.ts';
import { layerInside } from '#shared/landing/fetch-source.ts';
import type { VectorSource } from '../fetch/fetch-vector.ts';
import { openOptions, runGdal, type LoadContext } from '../gdal/run-gdal.ts';
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
  const isShapefile = format.name === 'ESRI Shapefile';
  const plain = isShapefile ? await describePlainShapefile(path, parts.includes('.prj')) : undefined;
  if (plain !== undefined)
    return { layer: chooseLayer([plain], format, undefined, file), singleLayer: true, stderr: '' };
  const command = describeLayersCommand(path, context.folder, format.drivers, {
    openOptions: openOptions(source),
    count: format.derivedLayers !== undefined,
  });
  const { stdout, stderr } = await runGdal(source, command, context);
  const layers = parseLayers(stdout);
  const named = layerInside(
    source,
    layers.map(({ name }) => name),
  );
  const layer = chooseLayer(layers, format, named, file);
  if (isShapefile && parts.includes('.prj')) await cachePrj(path, layer);
  return { layer, singleLayer: layers.length === 1, stderr };
}
