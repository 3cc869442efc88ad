import format from 'pg-format';
import type { Column, Note } from '#shared/contracts/shared-schemas.ts';
import type { Gdal } from '#shared/gdal/gdal.ts';
import { unusedName } from '#shared/contracts/column-names.ts';
import type { TableColumn } from '#shared/postgis/table-checks.ts';
import type { ParquetJob } from '../worker/worker-pool.ts';
import { distinctNames } from './column-facts.ts';
import { type ExportedColumnFacts, exportColumn, type ExportColumn } from './export-column.ts';
import type { GeometryProfile } from './geometry-profile.ts';

/** The statement for PostgreSQL, and the job for the worker. */
export interface ExportPlan extends Pick<ParquetJob, 'columns' | 'select' | 'metadata'> {
  /** The COPY statement that sends the rows. */
  copy: string;
  /** Columns of the file for the ledger, without the covering. */
  ledgerColumns: Column[];
  /** Notes about renamed columns. */
  notes: Note[];
}

interface ExportTable {
  table: string;
  /** All columns of the table, in order. */
  columns: TableColumn[];
  facts: Map<string, ExportedColumnFacts>;
  geometryColumn: string;
  keyColumn: string;
  profile: GeometryProfile;
  /** The CRS as PROJJSON. */
  crs: unknown;
}

const SIDES = ['XMin', 'YMin', 'XMax', 'YMax'] as const;

/**
 * Plans the GeoParquet file of a table: the attributes in order, the geometry, the covering. Rows are in PostGIS's
 * Hilbert order, ties by key, nulls last, so that the same rows result in the same bytes. The key column is not
 * exported.
 */
export function planExport(table: ExportTable): ExportPlan {
  const exported = table.columns.filter(({ name }) => name !== table.keyColumn && name !== table.geometryColumn);
  // The geometry is the first name, so that it is never the one that is renamed.
  const distinct = distinctNames([table.geometryColumn, ...exported.map(({ name }) => name)]);
  const names = distinct.names.slice(1);
  const covering = unusedName(COVERING_NAME, distinct.names);
  const tableNames = table.columns.map(({ name }) => name);
  const box = unusedName('box', tableNames);
  const attributes = exported.map((column) => exportColumn(column, table.facts.get(column.name)));
  const columns = [...attributes, geometryColumn(table.geometryColumn), ...SIDES.map((side) => sideColumn(side, box))];
  return {
    copy: copyStatement(columns, box, table),
    columns: columns.map((column) => column.raw),
    select: [
      ...columns.slice(0, attributes.length + 1).map((column, position) => ({
        expression: column.target(rawName(position)),
        name: names[position] ?? column.name,
      })),
      { expression: coveringSql(attributes.length + 1), name: covering },
    ],
    metadata: { geo: JSON.stringify(geoMetadata(table.geometryColumn, covering, table.profile, table.crs)) },
    ledgerColumns: [
      ...exported.map(({ name, type }, position) => ({ name: names[position] ?? name, type })),
      { name: table.geometryColumn, type: 'geometry' },
    ],
    notes: distinct.notes,
  };
}

/** The name of a column in the worker. */
function rawName(position: number): string {
  return `c${position}`;
}

/**
 * The covering from four columns, the first at `position`. Null without coordinates, because NaN would disable the
 * statistics.
 */
function coveringSql(position: number): string {
  const [xmin, ymin, xmax, ymax] = SIDES.map((_, side) => rawName(position + side));
  return `case when ${xmin} is not null then
    struct_pack(xmin := ${xmin}, ymin := ${ymin}, xmax := ${xmax}, ymax := ${ymax}) end`;
}

function geometryColumn(name: string): ExportColumn {
  return { name, source: format('ST_AsBinary(t.%I)', name), raw: { type: 'BLOB', list: false }, target: (raw) => raw };
}

function sideColumn(side: (typeof SIDES)[number], box: string): ExportColumn {
  return {
    name: side,
    source: format('%s(t.%I)', `ST_${side}`, box),
    raw: { type: 'DOUBLE', list: false },
    target: (raw) => raw,
  };
}

/** `offset 0` prevents the planner from computing the box four times for each row. */
function copyStatement(columns: ExportColumn[], box: string, table: ExportTable): string {
  return format(
    `copy (select %s from (select *, %I::box3d as %I from %I offset 0) as t order by t.%I, t.%I)
     to stdout (format binary)`,
    columns.map(({ source }) => source).join(', '),
    table.geometryColumn,
    box,
    table.table,
    table.geometryColumn,
    table.keyColumn,
  );
}

/** The struct column with the bounds of each geometry. Readers use its statistics to skip row groups. */
const COVERING_NAME = 'bbox';

/**
 * Value of the key `geo` in the file's metadata (GeoParquet 1.1.0). `crs` is PROJJSON. Edges are planar, the default.
 */
function geoMetadata(
  column: string,
  covering: string,
  profile: Pick<GeometryProfile, 'geometry_types' | 'bbox'>,
  crs: unknown,
): Record<string, unknown> {
  const side = (name: string) => ({ [name]: [covering, name] });
  return {
    version: '1.1.0',
    primary_column: column,
    columns: {
      [column]: {
        encoding: 'WKB',
        geometry_types: profile.geometry_types,
        crs,
        ...(profile.bbox === null ? {} : { bbox: profile.bbox }),
        covering: { bbox: { ...side('xmin'), ...side('ymin'), ...side('xmax'), ...side('ymax') } },
      },
    },
  };
}

import epsg4326 from './epsg-4326.json' with { type: 'json' };

/** A process usually exports to few CRSs. The limit bounds its memory if it exports to many. */
const CACHED_CRS = 256;

/** PROJJSON by code. EPSG:4326 is included, so that most exports do not start projinfo. */
const known = new Map<string, unknown>([['EPSG:4326', epsg4326]]);

/** The PROJJSON of `EPSG:n`, from projinfo once per process. Throws FILE_UNREADABLE when PROJ does not have the CRS. */
export async function projJson(crs: string, gdal: Gdal, signal: AbortSignal): Promise<unknown> {
  const found = known.get(crs);
  if (found !== undefined) return found;
  const { stdout } = await gdal.run(
    { command: 'projinfo', args: ['-q', '-o', 'PROJJSON', crs], drivers: [] },
    { signal },
  );
  const parsed: unknown = JSON.parse(stdout);
  if (known.size >= CACHED_CRS) known.clear();
  known.set(crs, parsed);
  return parsed;
}
