import format from 'pg-format';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';

/** Properties of the geometries of a table, for GeoParquet's metadata and for the ledger. */
export interface GeometryProfile {
  row_count: number;
  null_geometries: number;
  empty_geometries: number;
  /** Names of GeoParquet, sorted: `MultiPolygon`, `Point Z`. */
  geometry_types: string[];
  /**
   * [xmin, ymin, xmax, ymax], or with zmin and zmax when a geometry has Z; null without coordinates. In a geographic
   * CRS, xmin is greater than xmax for data across longitude 180 (GeoParquet and RFC 7946, 5.2).
   */
  bbox: number[] | null;
}

/** The geometries of one type. */
export interface GeometryGroup {
  type: string | null;
  zm: number | null;
  rows: number;
  empties: number;
  /** xmin, ymin, zmin, xmax, ymax, zmax; zmin and zmax are meaningless without Z. */
  box: number[] | null;
}

const TYPE_NAMES: Record<string, string> = {
  POINT: 'Point',
  LINESTRING: 'LineString',
  POLYGON: 'Polygon',
  MULTIPOINT: 'MultiPoint',
  MULTILINESTRING: 'MultiLineString',
  MULTIPOLYGON: 'MultiPolygon',
  GEOMETRYCOLLECTION: 'GeometryCollection',
};
/** ST_Zmflag of geometries with Z and without M. */
const Z = 2;

/**
 * Scans the table once, and again for longitudes when they span more than half of the world. Throws GEOMETRY_CONTRACT
 * for a geometry that GeoParquet does not support (curves, M values, TINs).
 */
export async function readGeometryProfile(
  session: PostgisSession,
  table: string,
  geometryColumn: string,
  isGeographic: boolean,
): Promise<GeometryProfile> {
  // ST_3DExtent is exact; ST_Extent rounds to single precision.
  const groups = await session.query<GeometryGroup & Record<string, unknown>>(
    format(
      `select type, zm, rows::float8, empties::float8,
         case when box is not null then
           array[ST_XMin(box), ST_YMin(box), ST_ZMin(box), ST_XMax(box), ST_YMax(box), ST_ZMax(box)] end as box
       from (select GeometryType(%1$I) as type, ST_Zmflag(%1$I) as zm, count(*) as rows,
           count(*) filter (where ST_IsEmpty(%1$I)) as empties, ST_3DExtent(%1$I) as box
         from %2$I group by 1, 2) as groups`,
      geometryColumn,
      table,
    ),
  );
  const profile = profileOf(groups);
  const bounds = horizontalBounds(profile.bbox);
  if (profile.bbox === null || bounds === null || !isGeographic || bounds[2] - bounds[0] <= 180) return profile;
  const crossing = crossingSides(await readLongitudes(session, table, geometryColumn));
  if (crossing === undefined) return profile;
  const bbox = [...profile.bbox];
  bbox[0] = crossing.west;
  bbox[bbox.length / 2] = crossing.east;
  return { ...profile, bbox };
}

/** A range of longitudes. */
interface Range {
  west: number;
  east: number;
}

/**
 * The longitudes that the geometries occupy, in steps of a degree. Only wide geometries are divided into parts, because
 * the box of one that was divided at longitude 180 spans the world.
 */
async function readLongitudes(session: PostgisSession, table: string, geometryColumn: string): Promise<Range[]> {
  return session.query<Range & Record<string, unknown>>(
    format(
      `select min(ST_XMin(geometry)) as west, max(ST_XMax(geometry)) as east
       from (
         select %1$I as geometry from %2$I where ST_XMax(%1$I) - ST_XMin(%1$I) <= 180
         union all
         select part.geom from %2$I as t, ST_Dump(t.%1$I) as part
         where ST_XMax(t.%1$I) - ST_XMin(t.%1$I) > 180) as parts
       where ST_XMin(geometry) is not null group by floor(ST_XMin(geometry)) order by 1`,
      geometryColumn,
      table,
    ),
  );
}

/** Data that reaches longitude 180 from both sides is assumed to cross it, if this is left out of the world. */
const MIN_GAP_DEGREES = 30;

/** West and east of data across longitude 180; undefined for other data. The ranges are in order of their west. */
export function crossingSides(ranges: readonly Range[]): Range | undefined {
  let gap: Range = { west: 0, east: 0 };
  let reached = ranges[0]?.west ?? 0;
  for (const { west, east } of ranges) {
    if (west - reached > gap.east - gap.west) gap = { west: reached, east: west };
    reached = Math.max(reached, east);
  }
  const touchesBothSides = (ranges[0]?.west ?? 0) <= -180 && reached >= 180;
  return gap.east - gap.west > (touchesBothSides ? MIN_GAP_DEGREES : 180)
    ? { west: gap.east, east: gap.west }
    : undefined;
}

/** The profile of all groups. Throws GEOMETRY_CONTRACT like readGeometryProfile. */
export function profileOf(groups: GeometryGroup[]): GeometryProfile {
  const sum = (count: (group: GeometryGroup) => number) => groups.reduce((total, group) => total + count(group), 0);
  return {
    row_count: sum((group) => group.rows),
    null_geometries: sum((group) => (group.type === null ? group.rows : 0)),
    empty_geometries: sum((group) => group.empties),
    geometry_types: [
      ...new Set(groups.flatMap((group) => (group.type === null ? [] : [typeName(group.type, group.zm ?? 0)]))),
    ].sort(),
    bbox: union(groups),
  };
}

/** A GeoParquet bbox without Z: [xmin, ymin, xmax, ymax]. */
export function horizontalBounds(bbox: GeometryProfile['bbox']): [number, number, number, number] | null {
  if (bbox === null) return null;
  const [xmin = NaN, ymin = NaN, a = NaN, b = NaN, c = NaN] = bbox;
  return bbox.length === 4 ? [xmin, ymin, a, b] : [xmin, ymin, b, c]; // With Z, the third is zmin.
}

function typeName(type: string, zm: number): string {
  const name = TYPE_NAMES[type];
  if (name === undefined || (zm !== 0 && zm !== Z)) {
    throw new SluiceError(
      'GEOMETRY_CONTRACT',
      `GeoParquet does not support ${type}${name === undefined ? '' : ' with M values'}. ` +
        'The recipe or join must convert it.',
      { details: { type, zm } },
    );
  }
  return zm === Z ? `${name} Z` : name;
}

function union(groups: GeometryGroup[]): number[] | null {
  const boxes = groups.flatMap(({ box, zm }) => (box === null ? [] : [{ box, z: zm === Z }]));
  if (boxes.length === 0) return null;
  const raised = boxes.filter(({ z }) => z);
  const low = (axis: number, from = boxes) => Math.min(...from.map(({ box }) => box[axis] ?? Infinity));
  const high = (axis: number, from = boxes) => Math.max(...from.map(({ box }) => box[axis + 3] ?? -Infinity));
  return raised.length === 0
    ? [low(0), low(1), high(0), high(1)]
    : [low(0), low(1), low(2, raised), high(0), high(1), high(2, raised)];
}
