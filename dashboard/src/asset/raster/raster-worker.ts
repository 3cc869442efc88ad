import type { MapView } from '../map/messages.ts';
import { type Bbox, checkProjection, openProjection, type Projection } from '../map/projection.ts';
import { DataError } from '../worker/data-error.ts';
import type { RemoteFile } from '../worker/ranged-file.ts';
import { serveCalls } from '../worker/worker-call.ts';
import { chooseColoring, nodataTest } from './band-colors.ts';
import { type Cog, openCog } from './cog-file.ts';
import type { Legend, PixelValues, RasterImage, RasterInput } from './messages.ts';
import { type ViewedRaster, readView } from './raster-view.ts';

/** The functions of the worker for maps of raster assets. */

interface OpenInput {
  file: RemoteFile;
  raster: RasterInput;
  bbox: Bbox | null;
  crs: string | null;
}

let opened: (ViewedRaster & { raster: RasterInput }) | undefined;

const methods = {
  /** Throws DataError if the raster cannot be drawn. */
  open: async ({ file, raster, bbox, crs }: OpenInput): Promise<Legend> => {
    if (bbox === null) throw new DataError('The raster has no position in degrees.');
    const cog = await openCog(file);
    const projection = await rasterProjection(cog, crs, raster);
    checkProjection(projection, cog.extent, bbox);
    const coloring = chooseColoring(raster.bands, cog.palette);
    const [west, south, east, north] = bbox;
    opened = { cog, coloring, projection, raster, bbox: [west, south, east < west ? east + 360 : east, north] };
    return coloring.legend;
  },
  view: async (view: MapView, _part: unknown, signal: AbortSignal): Promise<RasterImage | undefined> =>
    opened && (await readView(opened, view, signal)),
  /** The values of all bands at a position; undefined outside the raster. */
  pixel: async ([longitude, latitude]: [number, number]): Promise<PixelValues | undefined> => {
    if (!opened) return undefined;
    const { cog, projection, raster } = opened;
    const [{ image, mask, width, height }] = cog.levels;
    const [x, y] = projection.toNative(longitude, latitude);
    const column = Math.floor(((x - cog.extent[0]) / (cog.extent[2] - cog.extent[0])) * width);
    const row = Math.floor(((cog.extent[3] - y) / (cog.extent[3] - cog.extent[1])) * height);
    if (!(column >= 0 && column < width && row >= 0 && row < height)) return undefined;
    const window = [column, row, column + 1, row + 1];
    const values = (await image.readRasters({ window })) as unknown as ArrayLike<number>[];
    const valid = (await mask?.readRasters({ window })) as unknown as ArrayLike<number>[] | undefined;
    const read = raster.bands.map((band, index) => {
      const value = values[index]?.[0] ?? NaN;
      if (valid?.[0]?.[0] === 0 || nodataTest(band)(value)) return null;
      return value * (band.scale ?? 1) + (band.offset ?? 0);
    });
    return { column, row, values: read };
  },
};

/** A GeoTIFF contains the code of its CRS. Its parameters are in a table that is loaded only for it. */
async function rasterProjection(cog: Cog, crs: string | null, { crs_wkt2 }: RasterInput): Promise<Projection> {
  if (crs === 'EPSG:4326' || crs === 'OGC:CRS84') return openProjection(undefined);
  if (crs_wkt2 !== undefined) return openProjection(crs_wkt2);
  const { toProj4 } = await import('geotiff-geokeys-to-proj4');
  const keys = cog.levels[0].image.getGeoKeys();
  const found = keys ? toProj4(keys as Parameters<typeof toProj4>[0]) : undefined;
  if (!found?.proj4) throw new DataError(`The map does not support the coordinate reference system ${crs ?? ''}.`);
  if (/\+proj=longlat/.test(found.proj4)) return openProjection(undefined);
  return openProjection(found.proj4);
}

export type RasterMethods = typeof methods;

serveCalls(methods);
