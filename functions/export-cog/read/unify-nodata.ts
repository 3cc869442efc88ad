import type { Note } from '#shared/contracts/shared-schemas.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { GdalCommand } from '#shared/gdal/gdal.ts';
import { listClauses } from '#shared/text/list-names.ts';
import { isAxisAligned, rasterExtent } from './pixel-grid.ts';
import { type CogSource, environmentOf, openOptionsOf } from './cog-source.ts';
import { type CogParameters, INTEGER_RANGES } from './raster-parameters.ts';
import {
  type BandInfo,
  infoCommand,
  metadataItem,
  parseRasterInfo,
  type PixelValue,
  type RasterInfo,
} from './raster-info.ts';
import { CREATION_OPTIONS, notesFromGdalOutput, type RasterContext, runGdalOn, WARP_MEMORY_MB } from '../run-gdal.ts';

/**
 * A GeoTIFF has one nodata value for all bands, but bands of HFA and netCDF files, and the files of a mosaic, can have
 * different ones, and a netCDF variable can have several. They are replaced by one value that no pixel with data has.
 */

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

/** Largest number of bands that a message lists. */
const LISTED_BANDS = 6;

/** For example `band 1: 0; band 2: 100`, with the name of the file if there are several. */
function listed(sources: readonly CogSource[]): string {
  const bands = sources.flatMap(({ file, info }) =>
    missingValues(info).map((values, index) => {
      const name = sources.length === 1 ? `band ${index + 1}` : `band ${index + 1} of ${file}`;
      return `${name}: ${values.length === 0 ? 'none' : values.join(', ')}`;
    }),
  );
  return listClauses(bands, LISTED_BANDS);
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

/** The nodata value of each band, and the values of `missing_value` in netCDF files, which GDAL reads as data. */
export function missingValues({
  driverShortName,
  bands,
}: Pick<RasterInfo, 'driverShortName' | 'bands'>): PixelValue[][] {
  return bands.map((band) => {
    const nodata = band.noDataValue === undefined ? [] : [band.noDataValue];
    return [...new Set([...nodata, ...(driverShortName === 'netCDF' ? missingValueAttribute(band) : [])])];
  });
}

/** By the CF conventions (2.5.1), one value or, in older files, a list, which GDAL prints as `{1,2}`. */
function missingValueAttribute(band: BandInfo): PixelValue[] {
  const text = metadataItem(band, 'missing_value')?.trim() ?? '';
  const values = text
    .replaceAll(/[{}]/g, '')
    .split(',')
    .map((part) => part.trim());
  return values.flatMap((value): PixelValue[] => {
    if (/^[-+]?nan$/i.test(value)) return band.type.startsWith('Float') ? ['nan'] : [];
    const number = value === '' ? Number.NaN : Number(value);
    const typed = band.type === 'Float32' ? Math.fround(number) : number;
    const range = INTEGER_RANGES[band.type];
    const fits = range === undefined || (Number.isInteger(typed) && typed >= range[0] && typed <= range[1]);
    return Number.isFinite(typed) && fits ? [typed] : [];
  });
}

/** True when no single nodata value describes all bands of all sources. */
export function needsOneNodata(sources: readonly Pick<CogSource, 'info'>[]): boolean {
  const perBand = sources.flatMap(({ info }) => missingValues(info));
  return perBand.some((values) => values.length > 1) || new Set(perBand.map(([value]) => value)).size > 1;
}

/** The range of the pixels of a band that are not nodata; undefined for a band without such pixels. */
type ValueRange = [minimum: number, maximum: number] | undefined;

/** Values that are chosen without a look at the pixels, or undefined when their ranges are needed. */
export function nodataWithoutRanges(sources: readonly Pick<CogSource, 'info'>[]): PixelValue | undefined {
  return sources.every(({ info }) => info.bands.every(({ type }) => type.startsWith('Float'))) ? 'nan' : undefined;
}

/**
 * A value that means no data in each band, or is outside of the range of its pixels; preferably one that is in use.
 * Undefined when there is none. `ranges` are those of the bands of all sources.
 */
export function chooseNodata(
  sources: readonly Pick<CogSource, 'info'>[],
  ranges: readonly ValueRange[],
): PixelValue | undefined {
  const missing = sources.flatMap(({ info }) => missingValues(info));
  const limits = INTEGER_RANGES[sources[0]?.info.bands[0]?.type ?? ''];
  if (limits === undefined) return undefined;
  const [lowest, highest] = limits;
  const used = ranges.filter((range) => range !== undefined);
  const candidates = [
    ...missing.flat(),
    ...(lowest < 0 ? [lowest, highest] : [highest, lowest]),
    Math.min(...used.map(([minimum]) => minimum)) - 1,
    Math.max(...used.map(([, maximum]) => maximum)) + 1,
  ];
  return candidates.find(
    (value) =>
      typeof value === 'number' &&
      value >= lowest &&
      value <= highest &&
      missing.every((values, band) => values.includes(value) || isOutside(value, ranges[band])),
  );
}

function isOutside(value: number, range: ValueRange): boolean {
  return range === undefined || value < range[0] || value > range[1];
}

/**
 * Commands that replace the missing values of a source by `nodata`, and the source that they write. gdalwarp copies the
 * pixels to the same grid, once for each of several missing values of a band. Its destination has no nodata value,
 * because gdalwarp would change pixels with data that have this value. Undefined for a rotated grid or control points.
 */
export function unifyNodata(
  source: CogSource,
  nodata: PixelValue,
  index: number,
  { folder, cores }: { folder: string; cores: number },
): { commands: GdalCommand[]; source: CogSource } | undefined {
  const { info } = source;
  const extent = rasterExtent(info);
  if (extent === undefined || !isAxisAligned(info)) return undefined;
  const missing = missingValues(info);
  const passes = Math.max(1, ...missing.map((values) => values.length));
  const commands: GdalCommand[] = [];
  let input: Pick<CogSource, 'name' | 'drivers' | 'environment' | 'openOptions'> = source;
  for (let pass = 0; pass < passes; pass += 1) {
    const output = `${folder}/nodata-${index}-${pass}.tif`;
    // A band without a further value replaces `nodata` by itself.
    const replaced = missing.map((values) => values[pass] ?? nodata).join(' ');
    commands.push({
      command: 'gdalwarp',
      args: [
        ...['-q', '-of', 'GTiff', '-s_srs', source.crs, '-t_srs', source.crs, '-to', 'SRC_METHOD=GEOTRANSFORM'],
        ...['-te', ...extent.map(String), '-ts', ...info.size.map(String), '-r', 'near', '-nosrcalpha'],
        ...['-srcnodata', replaced, '-dstnodata', 'none', '-wo', `INIT_DEST=${nodata}`],
        ...['-wo', 'UNIFIED_SRC_NODATA=NO', '-wo', `NUM_THREADS=${cores}`, '-multi', '-wm', String(WARP_MEMORY_MB)],
        ...[...CREATION_OPTIONS, `NUM_THREADS=${cores}`].flatMap((option) => ['-co', option]),
        ...openOptionsOf([input]),
        ...[input.name, output],
      ],
      drivers: [...new Set([...input.drivers, 'GTiff'])],
      ...environmentOf([input]),
      folder,
      output,
    });
    input = { name: output, drivers: ['GTiff'] };
  }
  return {
    commands,
    source: { ...source, environment: {}, openOptions: [], ...input, crsOverrides: false, info: unified(info, extent) },
  };
}

/** The description of the written file: north-up, without nodata values. */
function unified(info: RasterInfo, [xmin, , , ymax]: readonly number[]): RasterInfo {
  const [, dx = 0, , , , dy = 0] = info.geoTransform ?? [];
  return {
    ...info,
    driverShortName: 'GTiff',
    geoTransform: [xmin ?? 0, Math.abs(dx), 0, ymax ?? 0, 0, -Math.abs(dy)],
    bands: info.bands.map(({ noDataValue: _, ...band }) => band),
  };
}
