import type { Feature, Geometry } from 'geojson';
import { chunkBytes, readChunk } from '../parquet/column-chunk.ts';
import type { GeoColumn, ParquetFile } from '../parquet/parquet-file.ts';
import { groupOfRow } from '../parquet/parquet-file.ts';
import { Cache } from '../parquet/cache.ts';
import { type Box, type CoveringReader, groupBox, intersects } from './covering.ts';
import type { FeatureProperties, MapView, ViewFeatures } from './messages.ts';
import { nativeBoxes, type Projection } from './projection.ts';
import { rectangle } from './rectangle.ts';
import { boxInDegrees, feature, Selection, type Shape } from './selection.ts';
import { spread } from '../parquet/spread.ts';
import { drawWkb } from './wkb.ts';

/** Limits of one view. They keep the page below 500 MB, and a view below a few seconds. */
const MAX_GROUPS = 256;
/** Row groups that are requested at the same time. */
const READ_AHEAD = 3;
const MAX_SHAPES = 20_000;
const MAX_VERTICES = 600_000;
const MAX_GEOMETRY_BYTES = 96 * 2 ** 20;
/** Bytes of geometries that are kept for the next view. */
const CACHE_BYTES = 64 * 2 ** 20;
/** The first part of a view is drawn after this time, the other ones after twice the time of the part before. */
const FIRST_PART_MS = 120;

export interface ViewedLayer {
  parquet: ParquetFile;
  geo: GeoColumn;
  covering: CoveringReader;
  coveringColumn: string;
  projection: Projection;
}

/** Selects the features of a view, largest first, and thins those that are smaller than a few pixels. */
export class ViewReader {
  readonly #source: ViewedLayer;
  readonly #shapes = new Cache<number, unknown[]>(CACHE_BYTES);
  /** The row groups and their bounds, so that any first part of the list is spread over the file. */
  readonly #groups: { group: number; box: Box }[];

  constructor(source: ViewedLayer) {
    this.#source = source;
    const { parquet, coveringColumn } = source;
    this.#groups = spread(parquet.groups.length).flatMap((group) => {
      const box = groupBox(parquet, coveringColumn, group);
      return box ? [{ group, box }] : [];
    });
  }

  /** The extent of the features in the CRS; undefined without coordinates. */
  extent(): Box | undefined {
    if (this.#groups.length === 0) return undefined;
    return this.#groups.reduce<Box>(
      (all, { box }) => [
        Math.min(all[0], box[0]),
        Math.min(all[1], box[1]),
        Math.max(all[2], box[2]),
        Math.max(all[3], box[3]),
      ],
      [Infinity, Infinity, -Infinity, -Infinity],
    );
  }

  /** Reads the first row groups of the first view, which is the extent, while the map is starting. */
  prefetch(): void {
    for (const { group } of this.#groups.slice(0, READ_AHEAD)) this.#source.covering.read(group).catch(() => undefined);
  }

  /** Sends the features of a view in parts; each part replaces the one before. Ends early when aborted. */
  async read(view: MapView, send: (part: ViewFeatures) => void, signal: AbortSignal): Promise<void> {
    const boxes = nativeBoxes(this.#source.projection, view.bounds);
    const inView = this.#groups.filter(({ box }) => boxes.some((each) => intersects(box, each)));
    const groups = inView.slice(0, MAX_GROUPS);
    const selection = new Selection(view, boxes, this.#source.projection);
    const unread = inView.slice(MAX_GROUPS).map(({ box }) => boxInDegrees(box, this.#source.projection));
    const part = { groups: inView.length, unread };
    let [begin, wait] = [performance.now(), FIRST_PART_MS];
    // The next row groups are requested while one is selected from.
    const pending = new Map<number, Promise<unknown>>();
    for (const [index, { group }] of groups.entries()) {
      for (const next of groups.slice(index, index + READ_AHEAD))
        if (!pending.has(next.group)) pending.set(next.group, this.#source.covering.read(next.group));
      const covering = (await pending.get(group)) as Awaited<ReturnType<CoveringReader['read']>>;
      if (signal.aborted) return;
      selection.add(covering, this.#source.parquet.groups[group]?.start ?? 0);
      if (performance.now() - begin < wait || index === groups.length - 1) continue;
      const features = selection.points();
      send({ ...part, features, found: selection.found, groupsRead: index + 1, boxes: 0, complete: false });
      [begin, wait] = [performance.now(), (performance.now() - begin) * 2];
    }
    const shapes = await this.#draw(selection.largest(), selection.pixel, signal);
    if (signal.aborted) return;
    const features = [...selection.points(), ...shapes.features];
    const { boxes: undrawn } = shapes;
    send({ ...part, features, found: selection.found, groupsRead: groups.length, boxes: undrawn, complete: true });
  }

  async #draw(shapes: Shape[], pixel: number, signal: AbortSignal) {
    const { projection } = this.#source;
    const drawing = { toDegrees: projection.toDegrees, tolerance: pixel / 2 };
    const features: Feature<Geometry, FeatureProperties>[] = [];
    const skipped: Shape[] = [];
    let [vertices, bytes] = [0, 0];
    for (const [group, members] of this.#byGroup(shapes)) {
      bytes += chunkBytes(this.#source.parquet, group, [this.#source.geo.name]);
      if (vertices > MAX_VERTICES || (bytes > MAX_GEOMETRY_BYTES && features.length > 0)) {
        skipped.push(...members);
        continue;
      }
      const values = await this.#geometries(group);
      if (signal.aborted) break;
      const start = this.#source.parquet.groups[group]?.start ?? 0;
      for (const { row } of members) {
        const wkb = values[row - start];
        if (!(wkb instanceof Uint8Array)) continue;
        const drawn = drawWkb(wkb, drawing);
        vertices += drawn.vertices;
        if (drawn.geometry) features.push(feature(row, 'shape', drawn.geometry));
      }
    }
    for (const { row, box } of [...skipped, ...shapes.slice(MAX_SHAPES)])
      features.push(feature(row, 'box', rectangle(boxInDegrees(box, projection))));
    return { features, boxes: skipped.length + Math.max(0, shapes.length - MAX_SHAPES) };
  }

  /** In the order of the largest shape of each row group. */
  #byGroup(shapes: Shape[]): Map<number, Shape[]> {
    const groups = new Map<number, Shape[]>();
    for (const shape of shapes.slice(0, MAX_SHAPES)) {
      const group = groupOfRow(this.#source.parquet, shape.row);
      const members = groups.get(group);
      if (members) members.push(shape);
      else groups.set(group, [shape]);
    }
    return groups;
  }

  async #geometries(group: number): Promise<unknown[]> {
    const path = [this.#source.geo.name];
    const found = this.#shapes.get(group);
    if (found) return found;
    const values = await readChunk(this.#source.parquet, group, path);
    this.#shapes.set(group, values, chunkBytes(this.#source.parquet, group, path));
    return values;
  }
}
