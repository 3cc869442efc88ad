import { join } from 'node:path';
import { type Extent, gridOfExtent } from '#shared/contracts/extent.ts';
import type { Note } from '#shared/contracts/facts.ts';
import { type Crs, crsArgument, crsLabel, isSameCrs } from '#shared/gdal/crs/crs.ts';
import { hashStream } from '#shared/storage/transfer.ts';
import { readFileStream } from '#shared/text/file-streams.ts';
import { gdalExtentInDegrees } from '#shared/gdal/crs/check-extent.ts';
import { checkOutput } from '../check/check-output.ts';
import { isAxisAligned, isNorthUp, rasterExtent } from '../plan/pixel-grid.ts';
import { type CogPlan, type CogSettings, planCog } from '../plan/plan-cog.ts';
import { chooseTargetCrs, type RasterParameters, targetCrsNotes } from '../plan/raster-parameters.ts';
import { checkWarpSize } from '../plan/warped-size.ts';
import type { DescribedRaster } from '../read/describe-raster.ts';
import { notesFromGdalOutput, type RasterContext, runGdalOn } from '../read/run-gdal.ts';
import { clearStatistics, type RasterSummary, summarizeRaster } from './summarize-raster.ts';
import { cogSource } from '../plan/plan-assets.ts';

/** A written and checked Cloud Optimized GeoTIFF. */
export interface CogFile {
  path: string;
  sha256: string;
  sizeBytes: number;
  crs: string;
  /** In EPSG:4326. */
  bbox: Extent | null;
  /** In the CRS of the file. */
  nativeBbox: Extent | null;
  raster: RasterSummary;
  settings: CogSettings;
  steps: CogPlan['steps'];
  notes: Note[];
}

/**
 * Converts one raster, or combines several in a mosaic. Throws FILE_UNREADABLE, CRS_UNREADABLE, MANIFEST_INVALID,
 * FILE_TOO_LARGE, and OUTPUT_INVALID when the written file is not a Cloud Optimized GeoTIFF.
 */
export async function writeCog(
  rasters: readonly DescribedRaster[],
  parameters: RasterParameters,
  folder: string,
  context: RasterContext,
): Promise<CogFile> {
  const file = rasters.map(({ source }) => source.file).join(', ');
  const path = join(folder, 'asset.tif');
  const crs = await chooseTargetCrs(rasters, parameters.target_crs, context);
  const changesCrs = rasters.some((raster) => !isSameCrs(raster.crs, crs));
  const sources = rasters.map(cogSource);
  const plan = planCog(sources, parameters, changesCrs ? crsArgument(crs) : undefined, {
    folder,
    output: path,
    cores: context.env.CORES,
  });
  await checkWarpSize(sources, plan, folder, context);
  const gdalNotes = await runPlan(plan, file, context);
  await clearStatistics(path);
  const [{ info, directories }, { sha256, size }] = await Promise.all([
    checkOutput(path, rasters, plan, file, context),
    hashStream(readFileStream(path), context.signal),
  ]);
  const nativeBbox = rasterExtent(info) ?? null;
  const bbox = await boundingBox(nativeBbox, crs, context);
  return {
    path,
    sha256,
    sizeBytes: size,
    crs: crsLabel(crs),
    nativeBbox,
    bbox,
    raster: summarizeRaster(info, directories, plan.settings.compression, crs, rasters[0]?.info ?? info),
    settings: plan.settings,
    steps: plan.steps,
    notes: [
      ...rasters.flatMap((raster) => raster.notes),
      ...gdalNotes,
      ...gridNotes(rasters),
      ...(changesCrs ? targetCrsNotes(parameters.target_crs, crs, bbox) : []),
    ],
  };
}

async function runPlan(plan: CogPlan, file: string, context: RasterContext): Promise<Note[]> {
  const notes: Note[] = [];
  for (const command of plan.commands) {
    const { stderr } = await runGdalOn(file, command, context);
    notes.push(...notesFromGdalOutput(stderr, file));
  }
  return notes;
}

async function boundingBox(
  nativeBbox: Extent | null,
  crs: Crs,
  { gdal, signal }: RasterContext,
): Promise<Extent | null> {
  if (nativeBbox === null) return null;
  return (await gdalExtentInDegrees(gridOfExtent(nativeBbox), crs, gdal, signal)) ?? null;
}

/** Notes about rasters whose pixels were resampled or reordered to make the grid north-up. */
function gridNotes(rasters: readonly DescribedRaster[]): Note[] {
  return rasters.flatMap(({ info, source: { file } }): Note[] => {
    if (info.geoTransform === undefined)
      return [
        {
          code: 'GRID_RESAMPLED',
          file,
          message: `${file} is georeferenced by control points. Its pixels were resampled to a regular grid.`,
        },
      ];
    if (isNorthUp(info)) return [];
    if (isAxisAligned(info))
      return [
        {
          code: 'GRID_TURNED',
          file,
          message:
            `The rows of ${file} did not run from west to east and from north to south. ` +
            'They were reordered without a change of values.',
        },
      ];
    return [
      {
        code: 'GRID_RESAMPLED',
        file,
        message: `The grid of ${file} is rotated. Its pixels were resampled to a north-up grid.`,
      },
    ];
  });
}
