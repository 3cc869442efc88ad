import { rasterDatasets } from '#shared/assets/run-datasets.ts';
import { sortedEntries, sourceHashOf } from '#shared/assets/store-asset.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { deterministicObjectId } from '#shared/events/event.ts';
import { crsArgument } from '#shared/gdal/crs/crs.ts';
import type { GdalCommand } from '#shared/gdal/gdal.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import type { ManifestFile } from '#shared/manifest/manifest.ts';
import type { DescribedRaster } from '../read/describe-raster.ts';
import type { RasterSource } from '../read/fetch-raster.ts';
import type { BandInfo, RasterInfo } from '../read/raster-info.ts';
import { rasterParameters } from './raster-parameters.ts';

/** Increased when the same source results in a different file or other notes, so that older assets are not reused. */
const COG_VERSION = 6;

export interface PlannedAsset {
  /** Depends on the run only, so that another attempt does not register a second asset. */
  _id: string;
  dataset_id: string;
  /** The end of the key of the object (assetKey). It is unique in the run. */
  keySuffix: string;
  files: ManifestFile[];
}

/** The assets of a run, one per dataset (rasterDatasets): a mosaic of all files, or one asset per file. */
export function planAssets(run: Pick<RunDocument, 'run_id' | 'dataset_id' | 'manifest'>): PlannedAsset[] {
  const { files } = run.manifest;
  const datasets = rasterDatasets(run);
  return datasets.map((dataset_id, index) => ({
    _id: deterministicObjectId('asset', run.run_id, 'cog', index),
    dataset_id,
    keySuffix: datasets.length === 1 ? '.tif' : `_${index + 1}.tif`,
    files: datasets.length === 1 ? files : files.slice(index, index + 1),
  }));
}

/**
 * A hash over the files, their manifest fields and the parameters. The order of files matters: in a mosaic, later files
 * are on top.
 */
export function sourceHash({ manifest }: Pick<RunDocument, 'manifest'>, sources: readonly RasterSource[]): string {
  const files = sources.map(({ file, sha256, declared }) => ({ path: file, sha256, layer: declared.layer ?? null }));
  return sourceHashOf(
    { files: sources.map(({ declared }) => declared) },
    files,
    ['cog', COG_VERSION, sortedEntries(rasterParameters(manifest))],
    { ordered: true },
  );
}

/**
 * Checks that rasters can be combined in a mosaic. Throws RASTERS_DIFFER for different bands, pixel types, scales,
 * offsets or units: gdalwarp copies the stored values, and the asset has the scales of the first raster.
 */
export function checkMosaic(rasters: readonly DescribedRaster[]): void {
  const [first, ...others] = rasters;
  if (first === undefined) return;
  const expected = bandsOf(first);
  for (const other of others) {
    const bands = bandsOf(other);
    if (bands === expected) continue;
    throw new SluiceError(
      'RASTERS_DIFFER',
      `${other.source.file} has ${bands}, but ${first.source.file} has ${expected}. ` +
        'All rasters of a mosaic must have the same bands.',
      { details: { file: other.source.file, bands, expected } },
    );
  }
}

/** For example `3 bands (Byte)`, or `1 band (Int16, value * 0.1 + 273.15 K)`. */
function bandsOf({ info: { bands } }: DescribedRaster): string {
  const types = [...new Set(bands.map(({ type }) => type))].join(', ');
  const palette = bands.some((band) => band.colorInterpretation === 'Palette') ? ', palette' : '';
  const measures = bands.map(measureOf);
  const distinct = new Set(measures).size === 1 ? measures.slice(0, 1) : measures;
  const units = distinct.every((measure) => measure === '') ? '' : `, ${distinct.join(', ')}`;
  return `${bands.length} ${bands.length === 1 ? 'band' : 'bands'} (${types}${palette}${units})`;
}

function measureOf({ scale = 1, offset = 0, unit = '' }: BandInfo): string {
  const measure = scale === 1 && offset === 0 ? '' : `value * ${scale} + ${offset}`;
  return `${measure} ${unit}`.trim();
}

/** A raster as the input of GDAL programs. */
export interface CogSource {
  /** The path in the manifest, for messages. */
  file: string;
  /** The name that GDAL opens: a local file, or an image in it. */
  name: string;
  info: RasterInfo;
  drivers: readonly string[];
  /** Options of the drivers, as environment variables. */
  environment?: Record<string, string>;
  /** Options of the drivers, as `NAME=VALUE`. */
  openOptions?: string[];
  /** A code or WKT. Sources with the same text have the same CRS. */
  crs: string;
  /** True when `crs` must be passed to GDAL, because GDAL reads none, or a different one, from the file. */
  crsOverrides: boolean;
}

export function cogSource({ name, info, source, crs, crsOverrides, openOptions }: DescribedRaster): CogSource {
  return {
    file: source.file,
    name,
    info,
    drivers: source.format.drivers,
    ...(source.format.environment === undefined ? {} : { environment: source.format.environment }),
    ...(openOptions.length === 0 ? {} : { openOptions }),
    crs: crsArgument(crs),
    crsOverrides,
  };
}

export function haveOneCrs(sources: readonly CogSource[]): boolean {
  return sources.every(({ crs }) => crs === sources[0]?.crs);
}

/** The field `environment` of a GDAL command that reads the sources; empty without one. */
export function environmentOf(sources: readonly Pick<CogSource, 'environment'>[]): Pick<GdalCommand, 'environment'> {
  const variables = sources.flatMap(({ environment }) => Object.entries(environment ?? {}));
  return variables.length === 0 ? {} : { environment: Object.fromEntries(variables) };
}

/** The arguments of a GDAL program for the options with which the drivers open the sources. */
export function openOptionsOf(sources: readonly Pick<CogSource, 'openOptions'>[]): string[] {
  const options = new Set(sources.flatMap(({ openOptions = [] }) => openOptions));
  return [...options].flatMap((option) => ['-oo', option]);
}
