import type { Note } from '#shared/contracts/facts.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { CogSource } from '../plan/plan-assets.ts';
import type { CogParameters } from '../plan/plan-cog.ts';
import {
  chooseNodata,
  missingValues,
  needsOneNodata,
  nodataWithoutRanges,
  unifyNodata,
  type ValueRange,
} from '../plan/unify-nodata.ts';
import { infoCommand, parseRasterInfo, type PixelValue } from '../read/raster-info.ts';
import { notesFromGdalOutput, type RasterContext, runGdalOn } from '../read/run-gdal.ts';

interface OneNodata {
  sources: CogSource[];
  parameters: CogParameters;
  notes: Note[];
}

/**
 * Replaces different nodata values of bands and files by one that no pixel with data has. Sources with one value, and
 * those of a manifest that declares the value, are returned unchanged. Throws NODATA_AMBIGUOUS when every value is data
 * in some band, or the grid is rotated.
 */
export async function useOneNodata(
  sources: readonly CogSource[],
  parameters: CogParameters,
  folder: string,
  context: RasterContext,
): Promise<OneNodata> {
  if (parameters.nodata !== undefined || !needsOneNodata(sources))
    return { sources: [...sources], parameters, notes: [] };
  const nodata = nodataWithoutRanges(sources) ?? chooseNodata(sources, await readRanges(sources, folder, context));
  if (nodata === undefined) throw nodataAmbiguous(sources, 'no value of their type means no data in all of them');
  const unified: CogSource[] = [];
  for (const [index, source] of sources.entries()) {
    const plan = unifyNodata(source, nodata, index, { folder, cores: context.env.CORES });
    if (plan === undefined) throw nodataAmbiguous(sources, 'a rotated grid must be resampled with one of them');
    for (const command of plan.commands)
      notesFromGdalOutput((await runGdalOn(source.file, command, context)).stderr, source.file);
    unified.push(plan.source);
  }
  return { sources: unified, parameters: { ...parameters, nodata }, notes: [replacedNote(sources, nodata)] };
}

/** The range of each band of all sources. */
async function readRanges(
  sources: readonly CogSource[],
  folder: string,
  context: RasterContext,
): Promise<ValueRange[]> {
  const ranges: ValueRange[] = [];
  for (const source of sources) {
    const command = infoCommand(source.name, folder, source, { range: true });
    const { bands } = parseRasterInfo((await runGdalOn(source.file, command, context)).stdout, source.file);
    for (const { computedMin, computedMax } of bands)
      ranges.push(computedMin === undefined || computedMax === undefined ? undefined : [computedMin, computedMax]);
  }
  return ranges;
}

/** Bands that a message lists. */
const LISTED_BANDS = 6;

/** For example `band 1: 0; band 2: 100`, with the name of the file if there are several. */
function listed(sources: readonly CogSource[]): string {
  const bands = sources.flatMap(({ file, info }) =>
    missingValues(info).map((values, index) => {
      const name = sources.length === 1 ? `band ${index + 1}` : `band ${index + 1} of ${file}`;
      return `${name}: ${values.length === 0 ? 'none' : values.join(', ')}`;
    }),
  );
  const more = bands.length > LISTED_BANDS ? `; and ${bands.length - LISTED_BANDS} more` : '';
  return `${bands.slice(0, LISTED_BANDS).join('; ')}${more}`;
}

function replacedNote(sources: readonly CogSource[], nodata: PixelValue): Note {
  const [first] = sources;
  return {
    code: 'NODATA_REPLACED',
    ...(first !== undefined && sources.length === 1 ? { file: first.file } : {}),
    message:
      `A GeoTIFF has one nodata value, but its source has several (${listed(sources)}). ` +
      `They were replaced by ${nodata}, which no pixel with data has.`,
  };
}

function nodataAmbiguous(sources: readonly CogSource[], reason: string): SluiceError {
  const files = sources.map(({ file }) => file);
  return new SluiceError(
    'NODATA_AMBIGUOUS',
    `${files.length === 1 ? `${files[0]} has` : `The ${files.length} files have`} several nodata values ` +
      `(${listed(sources)}), but a GeoTIFF has one, and ${reason}.`,
    { details: files.length === 1 ? { file: files[0] } : { files } },
  );
}
