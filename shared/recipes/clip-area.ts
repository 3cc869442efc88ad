import format from 'pg-format';
import { z } from 'zod';

/** A box to clip by, in a CRS. */
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

/** An edge of a box is bent by a transformation: it gets so many vertices, which keeps the error far below the width of the box. */
const VERTICES = 100;

/** Under which a transformed area is kept among the facts. */
export function areaKey(box: ClipBox): string {
  return JSON.stringify([box.bounds, box.crs]);
}

/** SRID of `EPSG:n`. */
export function sridOf(crs: string): number {
  return Number(crs.slice('EPSG:'.length));
}

/** The box as it is, in its CRS. */
export function boxSql({ bounds, crs }: ClipBox): string {
  return format('ST_MakeEnvelope(%s, %s)', bounds.map((bound) => format('%L::float8', bound)).join(', '), sridOf(crs));
}

/** Query for the box in the target CRS: `area` as EWKB in hex, and whether it is usable there. */
export function transformBox(box: ClipBox, targetSrid: number): string {
  const [xmin, ymin, xmax, ymax] = box.bounds;
  const transformed = format(
    'ST_Transform(ST_Segmentize(%s, %L::float8), %s)',
    boxSql(box),
    Math.max(xmax - xmin, ymax - ymin) / VERTICES,
    targetSrid,
  );
  return `select ST_AsHEXEWKB(area) as area, ST_IsValid(area) as usable from (select ${transformed} as area offset 0) as boxes`;
}
