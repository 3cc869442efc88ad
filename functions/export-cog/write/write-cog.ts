import { join } from 'node:path';
import type { Extent } from '#shared/contracts/extent.ts';
import type { Note } from '#shared/contracts/shared-schemas.ts';
import { crsArgument, crsLabel, isSameCrs } from '#shared/gdal/crs/crs.ts';
import { hashStream } from '#shared/storage/transfer.ts';
import { readFileStream } from '#shared/streams/file-streams.ts';
import { checkOutput, checkWrittenCrs } from '../check/check-output.ts';
import { isAxisAligned, isNorthUp, rasterExtent } from '../read/pixel-grid.ts';
import { type CogPlan, type CogSettings, planCog } from '../plan/plan-cog.ts';
import { type CogSource, cogSource } from '../read/cog-source.ts';
import { chooseTargetCrs, targetCrsNotes } from '../read/choose-target-crs.ts';
import type { RasterParameters } from '../read/raster-parameters.ts';
import { checkWarpSize } from '../check/warp-size.ts';
import type { DescribedRaster } from '../read/describe-raster.ts';
import { notesFromGdalOutput, type RasterContext, runGdalOn } from '../run-gdal.ts';
import { useOneNodata } from '../read/unify-nodata.ts';
import { clearStatistics, type RasterSummary, summarizeRaster } from './summarize-raster.ts';
import { boundsInDegrees } from './bounds.ts';
import { maskedStatistics } from './masked-statistics.ts';
import { metadataNotes, statisticsNotes } from './raster-notes.ts';
import { notANumberNotes } from './nan-note.ts';
import { isSignedByte, type RasterInfo } from '../read/raster-info.ts';
import { colorNotes, describeClasses } from './band-classes.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';

/** A written and checked Cloud Optimized GeoTIFF. */
export interface CogFile {
  path: string;
  sha256: string;
  sizeBytes: number;
  crs: string;
  /** The bounding box in EPSG:4326. Null if it cannot be computed. */
  bbox: Extent | null;
  /** The extent in the CRS of the file. */
  nativeBbox: Extent | null;
  raster: RasterSummary;
  settings: CogSettings;
  steps: CogPlan['steps'];
  notes: Note[];
}

/**
 * Converts one raster, or combines several in a mosaic. Throws FILE_UNREADABLE, CRS_UNREADABLE, MANIFEST_INVALID,
 * FILE_TOO_LARGE, CRS_NOT_IN_GEOTIFF, and OUTPUT_INVALID when the written file is not a Cloud Optimized GeoTIFF.
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
  const oneNodata = await useOneNodata(rasters.map(cogSource), parameters, folder, context);
  const { sources } = oneNodata;
  const plan = planCog(sources, oneNodata.parameters, changesCrs ? crsArgument(crs) : undefined, {
    folder,
    output: path,
    cores: context.env.CORES,
  });
  rejectSignedWarp(rasters, sources, plan);
  await checkWarpSize(sources, plan, folder, context);
  const gdalNotes = await runPlan(plan, file, context);
  await clearStatistics(path);
  const [{ info, directories }, { sha256, size }] = await Promise.all([
    checkOutput(path, rasters, plan, file, context),
    hashStream(readFileStream(path), context.signal),
  ]);
  const masked = await maskedStatistics(path, { info, directories }, folder, file, context);
  const nativeBbox = rasterExtent(info) ?? null;
  if (nativeBbox !== null) await checkWrittenCrs(info, crs, nativeBbox, file, context);
  const bbox = nativeBbox === null ? null : await boundsInDegrees(nativeBbox, info.size, crs, context);
  const summary = summarizeRaster(info, directories, plan.settings.compression, crs, rasters[0]?.info ?? info);
  const classes = describeClasses(summary.bands, rasters);
  const raster = withStatistics({ ...summary, bands: classes.bands }, masked);
  return {
    path,
    sha256,
    sizeBytes: size,
    crs: crsLabel(crs),
    nativeBbox,
    bbox,
    raster,
    settings: plan.settings,
    steps: plan.steps,
    notes: [
      ...rasters.flatMap((one) => one.notes),
      ...oneNodata.notes,
      ...gdalNotes,
      ...gridNotes(rasters),
      ...(changesCrs ? targetCrsNotes(parameters.target_crs, crs, bbox) : []),
      ...classes.notes,
      ...statisticsNotes(raster, info),
      ...(await lossNotes(rasters, info, folder, context)),
    ],
  };
}

/** Notes about what the sources have, and the written file does not. */
async function lossNotes(
  rasters: readonly DescribedRaster[],
  written: RasterInfo,
  folder: string,
  context: RasterContext,
): Promise<Note[]> {
  const notes = rasters.flatMap((raster) => [...colorNotes(raster, written), ...metadataNotes(raster, written)]);
  for (const raster of rasters) notes.push(...(await notANumberNotes(raster, written, folder, context)));
  return notes;
}

/** GDAL before 3.7 would resample signed bytes as unsigned ones. Throws FORMAT_NOT_SUPPORTED. */
function rejectSignedWarp(rasters: readonly DescribedRaster[], sources: readonly CogSource[], { warp }: CogPlan): void {
  const isWarped = warp !== undefined || sources.some(({ name }, index) => name !== rasters[index]?.name);
  const signed = rasters.find(({ info }) => info.bands.some(isSignedByte));
  if (!isWarped || signed === undefined) return;
  const { file } = signed.source;
  throw new SluiceError(
    'FORMAT_NOT_SUPPORTED',
    `The pixels of ${file} are signed bytes, which this version of GDAL cannot resample. ` +
      'Convert them to Int16, or ingest the file without target_crs and mosaic.',
    { details: { file } },
  );
}

function withStatistics(raster: RasterSummary, masked: Awaited<ReturnType<typeof maskedStatistics>>): RasterSummary {
  if (masked === undefined) return raster;
  return {
    ...raster,
    bands: raster.bands.map((band, index) => ({ ...band, statistics: masked[index] ?? null })),
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
