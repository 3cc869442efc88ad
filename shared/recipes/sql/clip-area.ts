import format from 'pg-format';
import { z } from 'zod';

/** A box with its CRS. */
export interface ClipBox {
  bounds: [number, number, number, number];
  crs: string;
}

export const BoundsSchema = z
  .tuple([z.number(), z.number(), z.number(), z.number()])
  .refine(
    ([xmin, ymin, xmax, ymax]) => xmin < xmax && ymin < ymax,
    'must be [xmin, ymin, xmax, ymax], with xmin below xmax and ymin below ymax',
  );

/** A straight edge is a curve in another CRS. With this many vertices the error is far smaller than the box. */
const VERTICES_PER_EDGE = 100;

/** The key of a transformed box in `areas` of the step context. */
export function areaKey(box: ClipBox): string {
  return JSON.stringify([box.bounds, box.crs]);
}

/** The SRID of `EPSG:n`. */
export function sridOfCode(crs: string): number {
  return Number(crs.slice('EPSG:'.length));
}

/** SQL for the box in its own CRS. */
export function boxSql({ bounds, crs }: ClipBox): string {
  return format(
    'ST_MakeEnvelope(%s, %s)',
    bounds.map((bound) => format('%L::float8', bound)).join(', '),
    sridOfCode(crs),
  );
}

/**
 * Query for the box in the target CRS: `area` is EWKB in hex, `usable` is false when the result is not a valid polygon.
 */
export function transformBox(box: ClipBox, targetSrid: number): string {
  const [xmin, ymin, xmax, ymax] = box.bounds;
  const transformed = format(
    'ST_Transform(ST_Segmentize(%s, %L::float8), %s)',
    boxSql(box),
    Math.max(xmax - xmin, ymax - ymin) / VERTICES_PER_EDGE,
    targetSrid,
  );
  return `select ST_AsHEXEWKB(area) as area, ST_IsValid(area) as usable
    from (select ${transformed} as area offset 0) as boxes`;
}
