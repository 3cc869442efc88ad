import { manifestKeyOf } from '#shared/contracts/object-keys.ts';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { ManifestFile } from '#shared/manifest/manifest.ts';
import type { Context } from '#shared/runtime/context.ts';
import type { Lane } from '#shared/contracts/lanes.ts';

/** One batch for each lane and variant, so that the fault tests cover all of them. */

export interface Batch {
  /** The kind of batch, for test names. */
  title: string;
  lane: Lane;
  intent: string;
  files: (Pick<ManifestFile, 'type' | 'format'> & { name: string; body: Buffer | string })[];
  metadata: Record<string, unknown>;
  /** The suffix of the dataset id of each asset, in the order of the assets. */
  assets: string[];
  /** Batches whose assets the batch joins. They are processed before, with the dataset id `inputDataset`. */
  inputs: Batch[];
}

const COUNTRIES = resolve(import.meta.dirname, '../../gateway/console/sample/countries.zip');
const data = (path: string) => readFileSync(resolve(import.meta.dirname, '../data', path));

export const VECTOR: Batch = {
  title: 'a shapefile',
  lane: 'vector',
  intent: 'ingest_vector',
  metadata: {},
  assets: [''],
  inputs: [],
  files: [{ name: 'länder #1.zip', body: readFileSync(COUNTRIES), type: 'vector', format: 'ESRI Shapefile' }],
};

const LANDSAT = data('raster/landsat.tif');

/** A raster in EPSG:4326. GDAL has no coordinates to transform, so that a run starts half as many programs. */
function inDegrees(path: string, ...corners: [west: number, north: number, east: number, south: number]): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-degrees-'));
  const target = join(folder, 'degrees.tif');
  const source = resolve(import.meta.dirname, '../data', path);
  execFileSync('gdal_translate', ['-q', '-a_srs', 'EPSG:4326', '-a_ullr', ...corners.map(String), source, target]);
  const body = readFileSync(target);
  rmSync(folder, { recursive: true });
  return body;
}

export const RASTERS: Batch = {
  title: 'several rasters',
  lane: 'raster',
  intent: 'ingest_raster',
  metadata: {},
  assets: ['.olinda_é', '.höhe_1'],
  inputs: [],
  files: [
    { name: 'olinda é.tif', body: inDegrees('raster/landsat.tif', -35, -7, -34, -8), type: 'raster', format: 'GTiff' },
    {
      name: 'höhe #1.tif',
      body: inDegrees('raster/olinda_dem_utm25s.tif', -36, -7, -35, -8),
      type: 'raster',
      format: 'GTiff',
    },
  ],
};
export const MOSAIC: Batch = {
  title: 'a mosaic',
  lane: 'raster',
  intent: 'ingest_raster',
  metadata: { raster: { mosaic: true, target_crs: 'EPSG:4326' } },
  assets: [''],
  inputs: [],
  files: [
    { name: 'unten é.tif', body: LANDSAT, type: 'raster', format: 'GTiff' },
    { name: 'oben #1.tif', body: LANDSAT, type: 'raster', format: 'GTiff' },
  ],
};

export const TABLES: Batch = {
  title: 'tables',
  lane: 'tabular',
  intent: 'ingest_tabular',
  metadata: { tabular: { decimal_separator: ',' } },
  assets: [''],
  inputs: [],
  files: [
    {
      name: 'Städte #1.csv',
      body: 'iso_a2;Hauptstadt;Fläche\nDE;Berlin;891,1\nFR;Paris;105,4\nBR;Brasília;5802\n',
      type: 'tabular',
      format: 'CSV',
    },
    {
      name: 'Städte é.csv',
      body: 'iso_a2;Hauptstadt;Fläche\nNO;Oslo;454\nXX;nirgends;\n',
      type: 'tabular',
      format: 'CSV',
    },
  ],
};

export const JOIN: Batch = {
  title: 'a join',
  lane: 'join',
  intent: 'join_datasets',
  files: [],
  assets: [''],
  inputs: [VECTOR, TABLES],
  metadata: {
    join_config: {
      spatial_asset_id: `dataset:${inputDataset(VECTOR)}`,
      tabular_asset_id: `dataset:${inputDataset(TABLES)}`,
      left_key: 'iso_a2',
      right_key: 'iso_a2',
    },
  },
};

/** By default, writes of a kind that an earlier batch has are skipped for later batches (sample-points.ts). */
export const BATCHES = [VECTOR, RASTERS, MOSAIC, TABLES, JOIN];

/** The dataset id of a batch that is joined by another one. */
export function inputDataset({ title }: Pick<Batch, 'title'>): string {
  return `input-${title.replaceAll(' ', '-')}`;
}

/** The dataset id of each asset of the batch. */
export function datasetsOf({ assets }: Batch, datasetId: string): string[] {
  return assets.map((suffix) => datasetId + suffix);
}

/** Uploads the files, and then the manifest. Returns the key of the manifest. */
export async function uploadBatch(
  { intent, files, metadata }: Batch,
  batchId: string,
  datasetId: string,
  { objects }: Pick<Context, 'objects'>,
): Promise<string> {
  for (const { name, body } of files) await objects.put('landing-zone', `${batchId}/${name}`, body);
  const key = manifestKeyOf(batchId);
  await objects.put(
    'landing-zone',
    key,
    JSON.stringify({
      batch_id: batchId,
      uploader: 'ana',
      intent,
      files: files.map(({ name, type, format }) => ({ path: `s3://landing-zone/${batchId}/${name}`, type, format })),
      metadata: { ...metadata, tags: { dataset_id: datasetId } },
    }),
  );
  return key;
}
