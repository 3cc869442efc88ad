import type { Box } from '../map/covering.ts';
import type { MapView } from '../map/messages.ts';
import type { Bbox, Projection } from '../map/projection.ts';
import { type Coloring, nodataTest } from './band-colors.ts';
import type { Cog, Level } from './cog-file.ts';
import type { MercatorBox, RasterImage } from './messages.ts';
import { boundsOf, longitudeOf, latitudeOf, mercatorBox } from './mercator.ts';

/** Pixels of an image: a large screen. */
const MAX_SIDE = 1_600;
/** Pixels of an overview that are read for one image. */
const MAX_READ_PIXELS = 4_000_000;
/** The projection is computed at every 16th pixel, and interpolated between them. */
const MESH = 16;

export interface ViewedRaster {
  cog: Cog;
  coloring: Coloring;
  projection: Projection;
  /** Bounding box of the raster in degrees; the east is greater than the west. */
  bbox: Bbox;
}

/** The part of a raster that a view shows, as an image in Web Mercator. Undefined if the view shows none. */
export async function readView(
  source: ViewedRaster,
  view: MapView,
  signal: AbortSignal,
): Promise<RasterImage | undefined> {
  const box = visibleBox(view, source.bbox);
  if (!box) return undefined;
  const [west, north, east, south] = mercatorBox(view.bounds);
  const perPixel = Math.max((east - west) / view.width, (south - north) / view.height);
  const width = Math.max(1, Math.min(MAX_SIDE, Math.ceil((box[2] - box[0]) / perPixel)));
  const height = Math.max(1, Math.min(MAX_SIDE, Math.ceil((box[3] - box[1]) / perPixel)));
  const mesh = nativeMesh(source, box, width, height);
  const level = chooseLevel(source.cog, mesh.extent, width, height);
  const window = windowOf(source.cog, level, mesh.extent);
  const bounds = boundsOf(box);
  const factor = Math.round(source.cog.levels[0].width / level.width);
  const pixels = new Uint8ClampedArray(width * height * 4);
  if (!window) return { pixels, width, height, bounds, factor };
  const bands = await readBands(level, window, source.coloring.samples, signal);
  paintImage(source, { level, window, bands, mesh, width, height, pixels });
  return { pixels, width, height, bounds, factor };
}

function visibleBox({ bounds }: MapView, bbox: Bbox): MercatorBox | undefined {
  // The map can show a world beyond longitude 180.
  const shift = Math.round(((bbox[0] + bbox[2]) / 2 - (bounds[0] + bounds[2]) / 2) / 360) * 360;
  const [view, all] = [mercatorBox([bounds[0] + shift, bounds[1], bounds[2] + shift, bounds[3]]), mercatorBox(bbox)];
  const box: MercatorBox = [
    Math.max(view[0], all[0]),
    Math.max(view[1], all[1]),
    Math.min(view[2], all[2]),
    Math.min(view[3], all[3]),
  ];
  return box[0] < box[2] && box[1] < box[3] ? box : undefined;
}

interface Mesh {
  columns: number;
  x: Float64Array;
  y: Float64Array;
  /** Of all nodes, in the CRS of the raster. */
  extent: Box;
}

/** Coordinates of the raster at every MESH-th pixel of the image. */
function nativeMesh({ projection, cog }: ViewedRaster, box: MercatorBox, width: number, height: number): Mesh {
  const [columns, rows] = [Math.ceil(width / MESH) + 1, Math.ceil(height / MESH) + 1];
  const [x, y] = [new Float64Array(columns * rows), new Float64Array(columns * rows)];
  const extent: Box = [Infinity, Infinity, -Infinity, -Infinity];
  for (let row = 0; row < rows; row++) {
    const latitude = latitudeOf(box[1] + ((box[3] - box[1]) * row * MESH) / height);
    for (let column = 0; column < columns; column++) {
      const longitude = longitudeOf(box[0] + ((box[2] - box[0]) * column * MESH) / width);
      const [nativeX, nativeY] = toNative(projection, longitude, latitude, cog.extent);
      const node = row * columns + column;
      [x[node], y[node]] = [nativeX, nativeY];
      if (!Number.isFinite(nativeX) || !Number.isFinite(nativeY)) continue;
      extent[0] = Math.min(extent[0], nativeX);
      extent[1] = Math.min(extent[1], nativeY);
      extent[2] = Math.max(extent[2], nativeX);
      extent[3] = Math.max(extent[3], nativeY);
    }
  }
  return { columns, x, y, extent };
}

/** A raster in degrees can have longitudes beyond 180. */
function toNative(projection: Projection, longitude: number, latitude: number, extent: Box): [number, number] {
  if (!projection.isGeographic) return projection.toNative(longitude, latitude);
  const middle = (extent[0] + extent[2]) / 2;
  return [longitude + Math.round((middle - longitude) / 360) * 360, latitude];
}

/** The coarsest level that has at least a pixel for each pixel of the image, within the limit of pixels. */
function chooseLevel({ levels, extent }: Cog, needed: Box, width: number, height: number): Level {
  const total = [extent[2] - extent[0], extent[3] - extent[1]] as const;
  const part = [needed[2] - needed[0], needed[3] - needed[1]] as const;
  const pixelsIn = (level: Level) => [(level.width * part[0]) / total[0], (level.height * part[1]) / total[1]] as const;
  const coarsestFirst = levels.toReversed();
  const enough = coarsestFirst.find((level) => {
    const [x, y] = pixelsIn(level);
    return x >= width && y >= height;
  });
  const wanted = enough ?? levels[0];
  const fits = (level: Level) => pixelsIn(level).reduce((product, each) => product * each, 1) <= MAX_READ_PIXELS;
  return levels.find((level) => level.width <= wanted.width && fits(level)) ?? coarsestFirst[0] ?? wanted;
}

/** `[left, top, right, bottom]` in pixels of the level. */
type Window = [number, number, number, number];

function windowOf({ extent }: Cog, { width, height }: Level, part: Box): Window | undefined {
  const column = (x: number) => ((x - extent[0]) / (extent[2] - extent[0])) * width;
  const row = (y: number) => ((extent[3] - y) / (extent[3] - extent[1])) * height;
  const window: Window = [
    Math.max(0, Math.floor(column(part[0])) - 1),
    Math.max(0, Math.floor(row(part[3])) - 1),
    Math.min(width, Math.ceil(column(part[2])) + 1),
    Math.min(height, Math.ceil(row(part[1])) + 1),
  ];
  return window[0] < window[2] && window[1] < window[3] ? window : undefined;
}

interface Bands {
  values: ArrayLike<number>[];
  /** 0 where a pixel is masked. */
  mask: ArrayLike<number> | undefined;
}

async function readBands(
  { image, mask }: Level,
  window: Window,
  samples: number[],
  signal: AbortSignal,
): Promise<Bands> {
  const [values, masks] = await Promise.all([
    image.readRasters({ window, samples, signal }) as Promise<unknown>,
    mask?.readRasters({ window, signal }) as Promise<unknown>,
  ]);
  return { values: values as ArrayLike<number>[], mask: (masks as ArrayLike<number>[] | undefined)?.[0] };
}

interface Painting {
  level: Level;
  window: Window;
  bands: Bands;
  mesh: Mesh;
  width: number;
  height: number;
  pixels: Uint8ClampedArray;
}

/** Paints each pixel of the image with the nearest pixel of the level. */
function paintImage({ cog, coloring }: ViewedRaster, painting: Painting): void {
  const { level, window, bands, mesh, width, height, pixels } = painting;
  const [perX, perY] = [level.width / (cog.extent[2] - cog.extent[0]), level.height / (cog.extent[3] - cog.extent[1])];
  const isNodata = coloring.bands.map((band) => nodataTest(band));
  const values = new Array<number>(bands.values.length).fill(0);
  const columns = window[2] - window[0];
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++) {
      const [x, y] = interpolate(mesh, (column + 0.5) / MESH, (row + 0.5) / MESH);
      const sourceColumn = Math.floor((x - cog.extent[0]) * perX);
      const sourceRow = Math.floor((cog.extent[3] - y) * perY);
      const isInside =
        sourceColumn >= window[0] && sourceColumn < window[2] && sourceRow >= window[1] && sourceRow < window[3];
      if (!isInside) continue;
      const at = (sourceRow - window[1]) * columns + sourceColumn - window[0];
      if (bands.mask && bands.mask[at] === 0) continue;
      let hasData = false;
      for (let band = 0; band < values.length; band++) {
        const value = bands.values[band]?.[at] ?? NaN;
        values[band] = value;
        // The alpha band has no nodata of its own.
        hasData ||= band < 3 && !(isNodata[band]?.(value) ?? false);
      }
      if (hasData) coloring.paint(values, pixels, (row * width + column) * 4);
    }
}

function interpolate({ columns, x, y }: Mesh, column: number, row: number): [number, number] {
  const [left, top] = [Math.floor(column), Math.floor(row)];
  const [right, down] = [column - left, row - top];
  const node = top * columns + left;
  const mix = (values: Float64Array) =>
    ((values[node] ?? NaN) * (1 - right) + (values[node + 1] ?? NaN) * right) * (1 - down) +
    ((values[node + columns] ?? NaN) * (1 - right) + (values[node + columns + 1] ?? NaN) * right) * down;
  return [mix(x), mix(y)];
}
