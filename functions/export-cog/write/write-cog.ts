import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { crsArgument, crsLabel, isSameCrs } from '#shared/gdal/crs/crs.ts';
import { gdalExtentInDegrees, gridOfExtent } from '#shared/gdal/crs/extent-in-degrees.ts';
import type { Extent } from '#shared/gdal/crs/check-extent.ts';
import type { Crs } from '#shared/gdal/crs/wkt.ts';
import { hashStream } from '#shared/storage/transfer.ts';
import type { Note } from '#shared/contracts/facts.ts';
import { checkCogLayout } from '../check/check-cog-layout.ts';
import { clearStatistics } from './clear-statistics.ts';
import { type DescribedRaster, type RasterContext, runGdalOn } from '../read/describe-raster.ts';
import { checkWarpSize } from '../plan/check-warp-size.ts';
import { rasterExtent, isNorthUp } from '../plan/pixel-grid.ts';
import { type CogPlan, planCog, type RasterParameters, type CogSettings } from '../plan/plan-cog.ts';
import { infoCommand, parseRasterInfo, type RasterInfo } from '../read/raster-info.ts';
import { notesFromGdalOutput } from '../read/run-gdal.ts';
import { type RasterSummary, summarizeRaster } from './summarize-raster.ts';
import { lookUpTargetCrs, targetCrsNotes } from '../plan/target-crs.ts';
import { readTiffDirectories, type TiffDirectory } from '../check/tiff-directories.ts';

/** A Cloud Optimized GeoTIFF that was written and checked. */
export interface CogFile {
  path: string;
  sha256: string;
  sizeBytes: number;
  crs: string;
  /** In EPSG:4326. */
  bbox: Extent | null;
  nativeBbox: Extent | null;
  raster: RasterSummary;
  settings: CogSettings;
  steps: CogPlan['steps'];
  notes: Note[];
}

/** Converts one raster, or several into a mosaic. Throws FILE_UNREADABLE, CRS_UNREADABLE, MANIFEST_INVALID, FILE_TOO_LARGE, and OUTPUT_INVALID when what was written breaks a rule. */
export async function writeCog(
  rasters: readonly DescribedRaster[],
  parameters: RasterParameters,
  folder: string,
  surroundings: RasterContext,
): Promise<CogFile> {
  const { gdal, env, signal } = surroundings;
  const file = rasters.map(({ source }) => source.file).join(', ');
  const crs = await targetCrs(rasters, parameters, surroundings);
  const output = join(folder, 'asset.tif');
  const sources = rasters.map(({ name, info, source, crs: own, crsOverrides }) => ({
    file: source.file,
    name,
    info,
    drivers: source.format.drivers,
    crs: crsArgument(own),
    crsOverrides,
  }));
  const moves = rasters.some((raster) => !isSameCrs(raster.crs, crs));
  const plan = planCog(sources, parameters, moves ? crsArgument(crs) : undefined, { folder, output, cores: env.CORES });
  await checkWarpSize(sources, plan, folder, surroundings);
  const notes: Note[] = [];
  for (const command of plan.commands)
    notes.push(...notesFromGdalOutput((await runGdalOn(file, command, surroundings)).stderr, file));
  await clearStatistics(output);
  const [info, directories, { sha256, size }] = await Promise.all([
    describeOutput(output, file, surroundings),
    checkedLayout(output, file),
    hashStream(createReadStream(output), signal),
  ]);
  checkContent(rasters, info, plan, file);
  const nativeBbox = rasterExtent(info) ?? null;
  const bbox =
    nativeBbox === null ? null : ((await gdalExtentInDegrees(gridOfExtent(nativeBbox), crs, gdal, signal)) ?? null);
  return {
    path: output,
    sha256,
    sizeBytes: size,
    crs: crsLabel(crs),
    nativeBbox,
    bbox,
    raster: summarizeRaster(info, directories, plan.settings.compression, crs),
    settings: plan.settings,
    steps: plan.steps,
    notes: [
      ...rasters.flatMap((raster) => raster.notes),
      ...notes,
      ...gridNotes(rasters),
      ...(moves ? targetCrsNotes(parameters.target_crs, crs, bbox) : []),
    ],
  };
}

/** The CRS of the asset: the one that was asked for, else that of the first raster. */
async function targetCrs(
  rasters: readonly DescribedRaster[],
  { target_crs }: RasterParameters,
  surroundings: RasterContext,
): Promise<Crs> {
  const [first] = rasters;
  if (target_crs !== undefined) return lookUpTargetCrs(target_crs, surroundings);
  if (first !== undefined) return first.crs;
  throw new SluiceError('MANIFEST_INVALID', 'The manifest names no file. Name at least one in `files`.', {
    details: { field: 'files' },
  });
}

/** With statistics. GDAL has no statistics for a band without data, and says so as an error. */
async function describeOutput(output: string, file: string, surroundings: RasterContext): Promise<RasterInfo> {
  const { stdout } = await runGdalOn(
    file,
    infoCommand(output, dirname(output), ['GTiff'], { statistics: true }),
    surroundings,
  );
  return parseRasterInfo(stdout, file);
}

/** The directories of the written file, read without GDAL. Throws OUTPUT_INVALID when they break a rule of Cloud Optimized GeoTIFF. */
async function checkedLayout(path: string, file: string): Promise<TiffDirectory[]> {
  const handle = await open(path);
  try {
    const directories = await readTiffDirectories(handle);
    const problems = directories === undefined ? ['it is not a TIFF'] : checkCogLayout(directories);
    if (directories !== undefined && problems.length === 0) return directories;
    throw new SluiceError(
      'OUTPUT_INVALID',
      `What GDAL made of ${file} is not a Cloud Optimized GeoTIFF: ${problems.join('; ')}.`,
      { details: { file, problems } },
    );
  } finally {
    await handle.close();
  }
}

function checkContent(rasters: readonly DescribedRaster[], written: RasterInfo, plan: CogPlan, file: string): void {
  const [first] = rasters;
  const types = (info: RasterInfo | undefined) => (info?.bands ?? []).map(({ type }) => type).join(', ');
  const sameSize = plan.warp !== undefined || first?.info.size.join(' x ') === written.size.join(' x ');
  if (types(first?.info) === types(written) && sameSize && isNorthUp(written)) return;
  throw new SluiceError(
    'OUTPUT_INVALID',
    `What GDAL made of ${file} has bands of ${types(written)} and ${written.size.join(' x ')} pixels, the source ${types(first?.info)} and ${first?.info.size.join(' x ')}.`,
    { details: { file } },
  );
}

function gridNotes(rasters: readonly DescribedRaster[]): Note[] {
  return rasters.flatMap(({ info, source: { file } }): Note[] => {
    if (info.geoTransform === undefined)
      return [
        {
          code: 'GRID_RESAMPLED',
          file,
          message: `${file} is placed by control points; its pixels were resampled to a regular grid.`,
        },
      ];
    if (isNorthUp(info)) return [];
    return info.geoTransform[2] === 0 && info.geoTransform[4] === 0
      ? [
          {
            code: 'GRID_TURNED',
            file,
            message: `The rows of ${file} did not run from west to east and north to south; they were turned around.`,
          },
        ]
      : [
          {
            code: 'GRID_RESAMPLED',
            file,
            message: `The grid of ${file} is rotated; its pixels were resampled to a north-up grid.`,
          },
        ];
  });
}
