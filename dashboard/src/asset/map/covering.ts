import { chunkStatistics, readDoubles } from '../parquet/column-chunk.ts';
import type { GeoColumn, ParquetFile } from '../parquet/parquet-file.ts';
import { Cache } from '../parquet/cache.ts';

/** `[xmin, ymin, xmax, ymax]` in the CRS of the asset. */
export type Box = [number, number, number, number];

/** The bounds of the features of a row group. NaN for a feature without coordinates. */
export interface Covering {
  xmin: Float64Array;
  ymin: Float64Array;
  xmax: Float64Array;
  ymax: Float64Array;
}

const SIDES = ['xmin', 'ymin', 'xmax', 'ymax'] as const;

/** The bounds of a row group from the statistics in the footer; undefined if it has no coordinates. */
export function groupBox(parquet: ParquetFile, covering: string, group: number): Box | undefined {
  const [west, south] = SIDES.slice(0, 2).map((side) => chunkStatistics(parquet, group, [covering, side])?.min_value);
  const [east, north] = SIDES.slice(2).map((side) => chunkStatistics(parquet, group, [covering, side])?.max_value);
  const box = [west, south, east, north];
  return box.every((value) => typeof value === 'number') ? (box as Box) : undefined;
}

export function intersects(a: Box, b: Box): boolean {
  return a[0] <= b[2] && a[2] >= b[0] && a[1] <= b[3] && a[3] >= b[1];
}

/** Bounds of four million features. */
const CACHE_BYTES = 128 * 2 ** 20;

/** Reads the covering of row groups, and keeps the last ones. */
export class CoveringReader {
  readonly #cache = new Cache<number, Covering>(CACHE_BYTES);
  readonly #reading = new Map<number, Promise<Covering>>();
  readonly #parquet: ParquetFile;
  readonly #column: string;
  /** The bounds of a point have no size, so two columns contain them. */
  readonly #onlyPoints: boolean;

  constructor(parquet: ParquetFile, geo: GeoColumn, column: string) {
    this.#parquet = parquet;
    this.#column = column;
    this.#onlyPoints =
      geo.geometryTypes.length > 0 && geo.geometryTypes.every((type) => /^Point( Z| M| ZM)?$/.test(type));
  }

  async read(group: number): Promise<Covering> {
    const found = this.#cache.get(group);
    if (found) return found;
    const reading = this.#reading.get(group) ?? this.#load(group).finally(() => this.#reading.delete(group));
    this.#reading.set(group, reading);
    return reading;
  }

  async #load(group: number): Promise<Covering> {
    const side = (name: (typeof SIDES)[number]) => readDoubles(this.#parquet, group, [this.#column, name]);
    const [xmin, ymin] = await Promise.all([side('xmin'), side('ymin')]);
    const [xmax, ymax] = this.#onlyPoints ? [xmin, ymin] : await Promise.all([side('xmax'), side('ymax')]);
    const covering = { xmin, ymin, xmax, ymax };
    this.#cache.set(group, covering, xmin.byteLength * (this.#onlyPoints ? 2 : SIDES.length));
    return covering;
  }
}
