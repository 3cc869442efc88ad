import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve, sep } from 'node:path';
import { extentOfPoints } from '#shared/contracts/extent.ts';
import type { Note } from '#shared/contracts/shared-schemas.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { checkExtentInCrs, gdalExtentInDegrees } from '#shared/gdal/crs/check-extent.ts';
import { chooseCrs, parseEmbeddedCrs } from '#shared/gdal/crs/choose-crs.ts';
import { checkCrsText, type Crs, parseCrs } from '#shared/gdal/crs/crs.ts';
import { lookUpCrs } from '#shared/gdal/crs/look-up-crs.ts';
import { layerInside } from '#shared/landing/fetch-source.ts';
import { stemOf } from '#shared/landing/source-parts.ts';
import { centerExtent, isAxisAligned, rasterExtent, rasterPoints, uncompressedBytes } from './pixel-grid.ts';
import { nodataTagNotes, unusedNodataNotes } from './nodata-notes.ts';
import { chooseImage, type RasterSource } from './fetch-raster.ts';
import { type BandTable, readAttributeTables } from './attribute-table.ts';
import { asciiGridType } from './ascii-grid.ts';
import { checkGrib } from './check-grib.ts';
import {
  infoCommand,
  messageBeforeInfo,
  parseRasterInfo,
  type RasterInfo,
  rejectTransposedGrid,
  subdatasets,
} from './raster-info.ts';
import { type RasterContext, runGdalOn } from '../run-gdal.ts';
import { readValidRange } from './valid-range.ts';

/** A raster that can be converted. */
export interface DescribedRaster {
  source: RasterSource;
  /** The name that GDAL opens: the local file, or an image in it. */
  name: string;
  /** The chosen variable or page; null for a file with one image. */
  layer: string | null;
  /** The number of variables or pages of a file with several; 0 for a file with one image. */
  images: number;
  info: RasterInfo;
  crs: Crs;
  /** True when `crs` must be passed to GDAL, because GDAL reads none, or a different one, from the file. */
  crsOverrides: boolean;
  /** Open options of GDAL's driver for this file. */
  openOptions: string[];
  /** The raster attribute table of each band. */
  attributeTables: BandTable[];
  notes: Note[];
}

/**
 * Reads the metadata of a raster with gdalinfo and checks that the raster can become an asset. Throws FORMAT_MISMATCH,
 * FILE_UNREADABLE, FILE_FORBIDDEN_CONTENT, FILE_TOO_LARGE, LAYER_AMBIGUOUS, LAYER_MISSING, GEOREFERENCE_MISSING, and
 * the errors of chooseCrs and checkExtentInCrs. `nodata` is that of the manifest.
 */
export async function describeRaster(
  given: RasterSource,
  nodata: number | undefined,
  context: RasterContext,
): Promise<DescribedRaster> {
  const { file, path } = given;
  const { source, info: container, driverNotes } = await readContainer(given, context);
  const images = subdatasets(container, path);
  const named = layerInside(
    source,
    images.map(({ layer }) => layer),
  );
  const image = chooseImage(images, named, file);
  const info = image === undefined ? container : (await readInfo(image.name, source, context)).info;
  const gribNotes = await checkGrib(source, info, context.signal);
  checkInfo(info, source, context.env.MAX_FILE_BYTES);
  const name = image?.name ?? path;
  const { openOptions, notes: rangeNotes } = await readValidRange(name, info, source, dirname(path), context);
  const { crs, overrides, notes } = await chooseCrs(
    {
      file,
      declared: source.declared.crs,
      hint: crsHint(info, source),
    },
    () => readRasterCrs(source, info, context),
    context,
  );
  return {
    source,
    name,
    layer: image?.layer ?? null,
    images: images.length,
    info,
    crs,
    crsOverrides: overrides || !gdalReadsCrs(info, crs),
    openOptions,
    attributeTables: await readAttributeTables(name, info.bands.length, source, context),
    notes: [
      ...driverNotes,
      ...(nodata === undefined ? await unusedNodataNotes(source, info) : []),
      ...(nodata === undefined && image === undefined ? await nodataTagNotes(source, info) : []),
      ...gribNotes,
      ...rangeNotes,
      ...notes,
      ...(await extentNotes(info, crs, file, context)),
    ],
  };
}

/** Longitudes and latitudes of a netCDF file have no declared ellipsoid, so no CRS is assumed. */
function crsHint(info: RasterInfo, { format }: RasterSource): string {
  const items = Object.entries((info.metadata[''] ?? {}) as Record<string, unknown>);
  const isLongitude = items.some(
    ([key, value]) => key.endsWith('#units') && /^degrees?_?e(?:ast)?$/i.test(String(value)),
  );
  if (info.driverShortName === 'netCDF' && isLongitude)
    return 'Its coordinates are longitudes and latitudes. If they are those of WGS 84, set EPSG:4326 as';
  return format.optional.includes('.prj') ? 'Upload the .prj file, or set' : 'Set';
}

/** An ASCII grid is read in a wider type than GDAL's choice when this type does not hold all values. */
async function readContainer(source: RasterSource, context: RasterContext) {
  const read = await readInfo(source.path, source, context);
  if (source.format.name !== 'AAIGrid') return { source, ...read };
  const type = await asciiGridType(source.path, source.file, context.signal);
  const chosen = read.info.bands[0]?.type;
  if (chosen === 'Float64' || type === chosen || type === 'Int32') return { source, ...read };
  const typed = {
    ...source,
    format: { ...source.format, environment: { ...source.format.environment, AAIGRID_DATATYPE: type } },
  };
  return { source: typed, ...(await readInfo(source.path, typed, context)) };
}

async function readInfo(
  name: string,
  { file, format, path }: RasterSource,
  context: RasterContext,
): Promise<{ info: RasterInfo; driverNotes: Note[] }> {
  const { stdout, stderr } = await runGdalOn(file, infoCommand(name, dirname(path), format), context);
  const info = parseRasterInfo(stdout, file);
  rejectTransposedGrid(info, stderr, file);
  if (info.files.some((used) => !resolve(used).startsWith(dirname(path) + sep)))
    throw new SluiceError(
      'FILE_FORBIDDEN_CONTENT',
      `${file} refers to pixels in another file. Upload a file that contains its pixels.`,
      { details: { file } },
    );
  const message = messageBeforeInfo(stdout);
  return {
    info,
    driverNotes:
      message === ''
        ? []
        : [{ code: 'GDAL_WARNING', file, message: `GDAL reported about ${file}: ${message.slice(0, MAX_MESSAGE)}` }],
  };
}

/** Characters of a message of a driver in a note. */
const MAX_MESSAGE = 500;

function checkInfo(info: RasterInfo, source: RasterSource, maxBytes: number): void {
  const { file } = source;
  if (info.bands.length === 0)
    throw new SluiceError('FILE_UNREADABLE', `${file} contains no image.`, { details: { file } });
  checkSize(info, file, maxBytes);
  const hasControlPoints = (info.gcps?.gcpList.length ?? 0) > 0;
  if (info.geoTransform === undefined && !hasControlPoints) throw georeferenceMissing(source, info);
}

/** A file of a few bytes can declare a million pixels per side, and each of them would be written. */
function checkSize(info: RasterInfo, file: string, limit: number): void {
  const bytes = uncompressedBytes(info);
  if (bytes <= limit) return;
  const [width, height] = info.size;
  const bands = info.bands.length;
  throw new SluiceError(
    'FILE_TOO_LARGE',
    `${file} has ${width} x ${height} pixels in ${bands} bands, ${bytes} bytes. ` +
      `The limit is ${limit} (MAX_FILE_BYTES).`,
    { details: { file, width, height, bands, bytes, limit, variable: 'MAX_FILE_BYTES' } },
  );
}

function georeferenceMissing({ file, format }: RasterSource, info: RasterInfo): SluiceError {
  if (info.metadata.GEOLOCATION !== undefined) {
    return new SluiceError(
      'GEOREFERENCE_MISSING',
      `${file} has a curvilinear grid (a position for each pixel). Resample it to a regular grid first.`,
      { details: { file } },
    );
  }
  const extension = format.optional.find((candidate) => candidate.endsWith('w')) ?? '.wld';
  const worldFile = `${stemOf(file).split('/').at(-1)}${extension}`;
  return new SluiceError(
    'GEOREFERENCE_MISSING',
    `${file} has no georeference, and there is no world file ${worldFile}. ` +
      'Upload the world file, or export the raster as GeoTIFF.',
    { details: { file } },
  );
}

/** Checks the extent. A raster with control points is not checked, because its extent is known only after the warp. */
async function extentNotes(info: RasterInfo, crs: Crs, file: string, { gdal, signal }: RasterContext): Promise<Note[]> {
  const points = rasterPoints(info);
  const extent =
    (isAxisAligned(info) ? (crs.kind === 'geographic' ? centerExtent : rasterExtent)(info) : undefined) ??
    extentOfPoints(points);
  if (extent === undefined) return [];
  return checkExtentInCrs(crs, extent, file, () => gdalExtentInDegrees(points, crs, gdal, signal));
}

/** A .prj file has a few thousand characters; a compound CRS with grids also fits. */
const MAX_PRJ_BYTES = 65_536;

/** The CRS that a raster or its .prj file contains; undefined when there is none. Throws CRS_UNREADABLE. */
async function readRasterCrs(
  { file, format, parts, path }: RasterSource,
  info: RasterInfo,
  { gdal, signal }: RasterContext,
): Promise<Crs | undefined> {
  const wkt = wktOf(info);
  if (wkt !== undefined) return parseEmbeddedCrs(wkt, file);
  if (!parts.includes('.prj')) return undefined;
  const text = format.prjNotReadByDriver ? await readPrj(`${stemOf(path)}.prj`) : '';
  // projinfo converts Esri's names of datums and projections.
  if (text.length > 0) return lookUpCrs(gdal, checkCrsText(text), signal);
  throw new SluiceError(
    'CRS_UNREADABLE',
    `The .prj file of ${file} cannot be read. Correct it, or set \`crs\` for the file in the manifest.`,
    { details: { file } },
  );
}

/** True when GDAL reads the CRS from the file, including the code if Sluice has identified one. */
function gdalReadsCrs(info: RasterInfo, { authority }: Crs): boolean {
  const wkt = wktOf(info);
  return wkt !== undefined && (authority === undefined || parseCrs(wkt).authority !== undefined);
}

function wktOf(info: RasterInfo): string | undefined {
  return info.coordinateSystem?.wkt || info.gcps?.coordinateSystem?.wkt || undefined;
}

/** The trimmed text of a .prj file; empty for a file that is too large. */
async function readPrj(path: string): Promise<string> {
  return (await stat(path)).size > MAX_PRJ_BYTES ? '' : (await readFile(path, 'utf8')).trim();
}
