import type { Feature, Geometry } from 'geojson';
import type { Box, Covering } from './covering.ts';
import type { FeatureProperties, MapView } from './messages.ts';
import type { Bbox, Position, Projection } from './projection.ts';

/** Smaller features are drawn as a point. CSS pixels. */
const SMALL_PIXELS = 3;
/** If a view has more points, one is drawn in each cell of this many CSS pixels. */
export const MAX_POINTS = 30_000;
const CELL_PIXELS = 3;

/** A feature that is large enough for its shape. */
export interface Shape {
  row: number;
  box: Box;
  area: number;
}

interface SmallFeature {
  row: number;
  x: number;
  y: number;
  /** Index of the part of the view. */
  view: number;
}

/** The features of a view while its row groups are read. The width and height of the view are positive. */
export class Selection {
  found = 0;
  /** Size of a CSS pixel in units of the CRS. */
  readonly pixel: number;
  readonly #boxes: Box[];
  readonly #projection: Projection;
  readonly #columns: number;
  readonly #cells: Set<number> = new Set();
  #small: SmallFeature[] = [];
  #isThinned = false;
  #shapes: Shape[] = [];

  constructor({ width, height }: MapView, boxes: Box[], projection: Projection) {
    this.#boxes = boxes;
    this.#projection = projection;
    const across = boxes.reduce((sum, box) => sum + box[2] - box[0], 0);
    const up = boxes.reduce((most, box) => Math.max(most, box[3] - box[1]), 0);
    this.pixel = Math.max(across / width, up / height, Number.MIN_VALUE);
    this.#columns = Math.ceil(across / this.pixel / CELL_PIXELS) + 2;
  }

  add({ xmin, ymin, xmax, ymax }: Covering, start: number): void {
    const small = this.pixel * SMALL_PIXELS;
    for (let i = 0; i < xmin.length; i++) {
      const [west, south, east, north] = [xmin[i] ?? NaN, ymin[i] ?? NaN, xmax[i] ?? NaN, ymax[i] ?? NaN];
      const view = this.#boxes.findIndex(
        (box) => west <= box[2] && east >= box[0] && south <= box[3] && north >= box[1],
      );
      if (view < 0) continue;
      this.found += 1;
      const [width, height] = [east - west, north - south];
      if (width > small || height > small)
        this.#shapes.push({ row: start + i, box: [west, south, east, north], area: width * height + width + height });
      else this.#addSmall({ row: start + i, x: (west + east) / 2, y: (south + north) / 2, view });
    }
  }

  #addSmall(each: SmallFeature): void {
    if (this.#isThinned && !this.#takeCell(each)) return;
    this.#small.push(each);
    if (this.#isThinned || this.#small.length <= MAX_POINTS) return;
    this.#isThinned = true;
    this.#small = this.#small.filter((kept) => this.#takeCell(kept));
  }

  /** False if the cell of the point has another point, or if the point is outside the domain of the CRS. */
  #takeCell({ x, y, view }: SmallFeature): boolean {
    const box = this.#boxes[view] ?? [0, 0, 0, 0];
    const cell = this.pixel * CELL_PIXELS;
    const column = Math.floor((x - box[0]) / cell) + 1;
    const key = (Math.floor((y - box[1]) / cell) * this.#columns + column) * this.#boxes.length + view;
    if (this.#cells.has(key) || !isDrawable(this.#projection.toDegrees(x, y))) return false;
    this.#cells.add(key);
    return true;
  }

  /** Small features: all of them, or one of each cell if there are more than MAX_POINTS. */
  points(): Feature<Geometry, FeatureProperties>[] {
    return this.#small.flatMap(({ row, x, y }) => {
      const coordinates = this.#projection.toDegrees(x, y);
      return isDrawable(coordinates) ? [feature(row, 'point', { type: 'Point', coordinates })] : [];
    });
  }

  largest(): Shape[] {
    this.#shapes = this.#shapes.sort((a, b) => b.area - a.area);
    return this.#shapes;
  }
}

function isDrawable([longitude, latitude]: Position): boolean {
  return Number.isFinite(longitude) && Number.isFinite(latitude);
}

export function feature(row: number, drawn: FeatureProperties['drawn'], geometry: Geometry) {
  return { type: 'Feature' as const, geometry, properties: { row, drawn } };
}

export function boxInDegrees(box: Box, { toDegrees }: Projection): Bbox {
  const corners = [
    toDegrees(box[0], box[1]),
    toDegrees(box[2], box[3]),
    toDegrees(box[0], box[3]),
    toDegrees(box[2], box[1]),
  ];
  const [x, y] = [corners.map(([each]) => each), corners.map(([, each]) => each)];
  return [Math.min(...x), Math.min(...y), Math.max(...x), Math.max(...y)];
}
