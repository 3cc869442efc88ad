import format from 'pg-format';
import type { Column, Note } from '#shared/contracts/facts.ts';
import { unusedName } from '#shared/postgis/column-names.ts';
import type { TableColumn } from '#shared/postgis/table-checks.ts';
import type { ParquetJob } from '../worker/parquet-job.ts';
import { type ColumnStatistics, exportColumn, type ExportColumn } from './export-column.ts';
import { COVERING_NAME, geoMetadata } from './geo-metadata.ts';
import type { GeometryProfile } from './geometry-profile.ts';
import { distinctNames } from './column-statistics.ts';

/** The statement for PostgreSQL, and the job for the worker. */
export interface ExportPlan extends Pick<ParquetJob, 'columns' | 'select' | 'metadata'> {
  /** COPY statement. */
  copy: string;
  /** Columns of the file for the ledger, without the covering. */
  ledgerColumns: Column[];
  /** Notes about renamed columns. */
  notes: Note[];
}

export interface ExportTable {
  table: string;
  /** All columns of the table, in order. */
  columns: TableColumn[];
  statistics: Map<string, ColumnStatistics>;
  geometryColumn: string;
  keyColumn: string;
  profile: GeometryProfile;
  /** PROJJSON. */
  crs: unknown;
}

const SIDES = ['XMin', 'YMin', 'XMax', 'YMax'] as const;

/**
 * Plans the GeoParquet file of a table: the attributes in order, the geometry, the covering. Rows are in PostGIS's
 * Hilbert order, ties by key, nulls last, so that the same rows give the same bytes. The key column is not exported.
 */
export function planExport(table: ExportTable): ExportPlan {
  const exported = table.columns.filter(({ name }) => name !== table.keyColumn && name !== table.geometryColumn);
  // The geometry is the first name, so that it is never the one that is renamed.
  const distinct = distinctNames([table.geometryColumn, ...exported.map(({ name }) => name)]);
  const names = distinct.names.slice(1);
  const covering = unusedName(COVERING_NAME, distinct.names);
  const tableNames = table.columns.map(({ name }) => name);
  const box = unusedName('box', tableNames);
  const attributes = exported.map((column) => exportColumn(column, table.statistics.get(column.name)));
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
