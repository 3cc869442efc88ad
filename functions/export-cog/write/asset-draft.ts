import { sortedEntries, sourceHashOf } from '#shared/assets/store-asset.ts';
import { crsLabel } from '#shared/gdal/crs/crs.ts';
import type { Gdal } from '#shared/gdal/gdal.ts';
import type { AssetDraft, RunDocument } from '#shared/ledger/documents.ts';
import type { PlannedAsset } from '../plan/plan-assets.ts';
import { dataTime } from '../read/data-time.ts';
import type { DescribedRaster } from '../read/describe-raster.ts';
import type { RasterSource } from '../read/fetch-raster.ts';
import { requestedParameters } from '../read/raster-parameters.ts';
import type { CogFile } from './write-cog.ts';

/** Increased when the same source results in a different file or other notes, so that older assets are not reused. */
const COG_VERSION = 6;

/**
 * A hash over the files, their manifest fields and the parameters. The order of files matters: in a mosaic, later files
 * are on top.
 */
export function sourceHash({ manifest }: Pick<RunDocument, 'manifest'>, sources: readonly RasterSource[]): string {
  const files = sources.map(({ file, sha256, declared }) => ({ path: file, sha256, layer: declared.layer ?? null }));
  return sourceHashOf(
    { files: sources.map(({ declared }) => declared) },
    files,
    ['cog', COG_VERSION, sortedEntries(requestedParameters(manifest))],
    { ordered: true },
  );
}

/** The ledger document of a source file, from the manifest: before GDAL has read the file. */
export function sourceDocument(source: RasterSource): AssetDraft['sources'][number] {
  return {
    path: source.file,
    sha256: source.sha256,
    size_bytes: source.sizeBytes,
    format: source.format.name,
    layer: source.declared.layer ?? null,
    crs: source.declared.crs ?? null,
    row_count: null,
  };
}

/** The ledger document of a written file. */
export function buildAssetDraft(
  run: RunDocument,
  planned: PlannedAsset,
  rasters: readonly DescribedRaster[],
  file: CogFile & { s3_key: string; source_hash: string; software: Record<string, string> },
): AssetDraft {
  return {
    _id: planned._id,
    dataset_id: planned.dataset_id,
    kind: 'raster',
    s3_key: file.s3_key,
    content_hash: file.sha256,
    source_hash: file.source_hash,
    run_id: run._id,
    crs: file.crs,
    bbox: file.bbox,
    native_bbox: file.nativeBbox,
    ...dataTimeField(rasters),
    geometry_types: [],
    row_count: null,
    columns: [],
    size_bytes: file.sizeBytes,
    quality: { null_geometries: 0, empty_geometries: 0, repaired_geometries: 0, notes: file.notes },
    raster: file.raster,
    software: file.software,
    recipe: { name: 'cog', parameters: { ...file.settings }, steps: [...file.steps] },
    sources: rasters.map(({ source, layer, crs }) => ({ ...sourceDocument(source), layer, crs: crsLabel(crs) })),
    iso: null,
    stac_key: null,
  };
}

function dataTimeField(rasters: readonly DescribedRaster[]): Pick<AssetDraft, 'data_time'> {
  const data_time = dataTime(rasters.map(({ info }) => info));
  return data_time === undefined ? {} : { data_time };
}

let versions: Promise<Record<string, string>> | undefined;

/** The versions of GDAL and PROJ, for the asset. They are read from GDAL once per process. */
export async function gdalVersions(gdal: Gdal): Promise<Record<string, string>> {
  versions ??= readGdalVersions(gdal).catch((thrown: unknown) => {
    versions = undefined;
    throw thrown;
  });
  return versions;
}

async function readGdalVersions(gdal: Gdal): Promise<Record<string, string>> {
  // Not the signal of a run: several runs can wait for the result, and the cancellation of one must not end the others.
  const { signal } = new AbortController();
  const gdalinfo = async (option: string) =>
    (await gdal.run({ command: 'gdalinfo', args: [option], drivers: [] }, { signal })).stdout;
  return parseVersions(await gdalinfo('--version'), await gdalinfo('--build'));
}

/** Parses `gdalinfo --version` (`GDAL 3.6.2, released 2023/01/02`) and `gdalinfo --build` (lines of `NAME=value`). */
function parseVersions(version: string, build: string): Record<string, string> {
  const [, gdal] = /GDAL (\S+?),/.exec(version) ?? [];
  const [, proj] = /^PROJ_RUNTIME_VERSION=(\S+)/m.exec(build) ?? [];
  return { GDAL: gdal ?? version.trim(), ...(proj === undefined ? {} : { PROJ: proj }) };
}
