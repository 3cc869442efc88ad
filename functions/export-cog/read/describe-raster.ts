import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve, sep } from 'node:path';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import { checkCrsText, lookUpCrs } from '#shared/gdal/crs/crs.ts';
import { gdalExtentInDegrees } from '#shared/gdal/crs/extent-in-degrees.ts';
import { checkExtentInCrs } from '#shared/gdal/crs/check-extent.ts';
import type { GdalCommand, GdalResult } from '#shared/gdal/gdal.ts';
import { parseEmbeddedCrs, chooseCrs } from '#shared/gdal/crs/choose-crs.ts';
import { type Crs, parseCrs } from '#shared/gdal/crs/wkt.ts';
import type { Context } from '#shared/runtime/context.ts';
import { stemOf } from '#shared/landing/source-parts.ts';
import type { Note } from '#shared/contracts/facts.ts';
import { chooseImage } from './choose-image.ts';
import type { RasterSource } from './fetch-raster.ts';
import { rasterExtent, isAxisAligned, rasterPoints, uncompressedBytes } from '../plan/pixel-grid.ts';
import { infoCommand, parseRasterInfo, type RasterInfo, subdatasets } from './raster-info.ts';
import { rasterError } from './run-gdal.ts';
import { rejectTransposedGrid } from './transposed-grid.ts';

/** A raster that is ready to be converted: described, with its place and CRS known. */
export interface DescribedRaster {
  source: RasterSource;
  /** What GDAL opens: the local file, or an image of it. */
  name: string;
  /** The variable or page that was chosen; null for a file with one image. */
  layer: string | null;
  info: RasterInfo;
  crs: Crs;
  /** True when GDAL must be told the CRS, because the file says none or another one. */
  crsOverrides: boolean;
  notes: Note[];
}

export type RasterContext = Pick<Context, 'gdal' | 'env'> & { signal: AbortSignal };

/** A .prj is a few thousand characters; compound systems with grids fit. */
const MAX_PRJ_BYTES = 65_536;

/**
 * Asks GDAL what a fetched raster is and checks that it can become an asset. Throws FORMAT_MISMATCH, FILE_UNREADABLE, FILE_FORBIDDEN_CONTENT,
 * FILE_TOO_LARGE, LAYER_AMBIGUOUS, LAYER_MISSING, GEOREFERENCE_MISSING, and the errors of settleCrs and judgeExtent.
 */
export async function describeRaster(source: RasterSource, surroundings: RasterContext): Promise<DescribedRaster> {
  const { file, path } = source;
  const whole = await describe(path, source, surroundings);
  const image = chooseImage(subdatasets(whole, path), source.declared.layer, file);
  const info = image === undefined ? whole : await describe(image.name, source, surroundings);
  if (info.bands.length === 0)
    throw new SluiceError('FILE_UNREADABLE', `${file} holds no image.`, { details: { file } });
  checkSize(info, file, surroundings.env.MAX_FILE_BYTES);
  const byPoints = (info.gcps?.gcpList.length ?? 0) > 0;
  if (info.geoTransform === undefined && !byPoints) throw noGeoreference(source, info);
  const embedded = () => crsOfFile(source, info, surroundings);
  const { crs, overrides, notes } = await chooseCrs(
    {
      file,
      declared: source.declared.crs,
      hint: source.format.optional.includes('.prj') ? 'Upload the .prj file, or set' : 'Set',
    },
    embedded,
    surroundings,
  );
  return {
    source,
    name: image?.name ?? path,
    layer: image?.layer ?? null,
    info,
    crs,
    crsOverrides: overrides || !saysItself(info, crs),
    notes: [...notes, ...(await placeNotes(info, crs, file, surroundings))],
  };
}

/** Runs a program of GDAL on a file; its errors name the file. */
export async function runGdalOn(
  file: string,
  command: GdalCommand,
  { gdal, signal }: RasterContext,
): Promise<GdalResult> {
  try {
    return await gdal.run(command, { signal });
  } catch (thrown) {
    throw rasterError(asSluiceError(thrown), file);
  }
}

async function describe(
  name: string,
  { file, format, path }: RasterSource,
  surroundings: RasterContext,
): Promise<RasterInfo> {
  const { stdout, stderr } = await runGdalOn(file, infoCommand(name, dirname(path), format.drivers), surroundings);
  const info = parseRasterInfo(stdout, file);
  rejectTransposedGrid(info, stderr, file);
  const elsewhere = info.files.find((other) => !resolve(other).startsWith(dirname(path) + sep));
  if (elsewhere !== undefined)
    throw new SluiceError(
      'FILE_FORBIDDEN_CONTENT',
      `${file} takes its pixels from another file. Upload one that holds them itself.`,
      { details: { file } },
    );
  return info;
}

/** A few bytes can claim a million pixels a side: every one of them would be written. */
function checkSize(info: RasterInfo, file: string, limit: number): void {
  const bytes = uncompressedBytes(info);
  if (bytes <= limit) return;
  const [width, height] = info.size;
  throw new SluiceError(
    'FILE_TOO_LARGE',
    `${file} has ${width} x ${height} pixels in ${info.bands.length} bands, ${bytes} bytes; this installation converts ${limit} (MAX_FILE_BYTES).`,
    {
      details: { file, width, height, bands: info.bands.length, bytes, limit, variable: 'MAX_FILE_BYTES' },
    },
  );
}

function noGeoreference({ file, format }: RasterSource, info: RasterInfo): SluiceError {
  if (info.metadata.GEOLOCATION !== undefined) {
    return new SluiceError(
      'GEOREFERENCE_MISSING',
      `${file} has a place for each pixel (a curvilinear grid), not a regular grid. Resample it to a regular grid first.`,
      { details: { file } },
    );
  }
  const world = format.optional.find((extension) => extension.endsWith('w')) ?? '.wld';
  return new SluiceError(
    'GEOREFERENCE_MISSING',
    `Nothing says where the pixels of ${file} lie: it has no georeference inside and no world file beside it (${stemOf(file).split('/').at(-1)}${world}). Upload one, or export it as GeoTIFF.`,
    { details: { file } },
  );
}

function crsTextOf(info: RasterInfo): string | undefined {
  return info.coordinateSystem?.wkt || info.gcps?.coordinateSystem?.wkt || undefined;
}

/** False when GDAL reads no CRS, or one without the code that it was identified by. */
function saysItself(info: RasterInfo, { authority }: Crs): boolean {
  const wkt = crsTextOf(info);
  return wkt !== undefined && (authority === undefined || parseCrs(wkt).authority !== undefined);
}

async function crsOfFile(
  { file, format, parts, path }: RasterSource,
  info: RasterInfo,
  { gdal, signal }: RasterContext,
): Promise<Crs | undefined> {
  const wkt = crsTextOf(info);
  if (wkt !== undefined) return parseEmbeddedCrs(wkt, file);
  if (!parts.includes('.prj')) return undefined;
  const prj = `${stemOf(path)}.prj`;
  const text =
    format.unreadPrj === undefined || (await stat(prj)).size > MAX_PRJ_BYTES
      ? ''
      : (await readFile(prj, 'utf8')).trim();
  // projinfo knows Esri's names for what others name otherwise.
  if (text.length > 0) return lookUpCrs(gdal, checkCrsText(text), signal);
  throw new SluiceError(
    'CRS_UNREADABLE',
    `The .prj file of ${file} cannot be read. Correct it, or set \`crs\` for the file in the manifest.`,
    { details: { file } },
  );
}

/** A raster with control points has its place only after it was warped. */
async function placeNotes(info: RasterInfo, crs: Crs, file: string, { gdal, signal }: RasterContext): Promise<Note[]> {
  const points = rasterPoints(info);
  const extent = isAxisAligned(info) ? rasterExtent(info) : undefined;
  if (points.length === 0) return [];
  const corners =
    extent ??
    ([
      Math.min(...points.map(([x]) => x)),
      Math.min(...points.map(([, y]) => y)),
      Math.max(...points.map(([x]) => x)),
      Math.max(...points.map(([, y]) => y)),
    ] as const);
  return checkExtentInCrs(crs, [...corners], file, () => gdalExtentInDegrees(points, crs, gdal, signal));
}
