import format from 'pg-format';
import type { Column, Note } from '#shared/contracts/facts.ts';
import type { TableColumn } from '#shared/postgis/table-columns.ts';
import { type ColumnFacts, exportColumn, type ExportColumn } from './column-types.ts';
import { distinctNames, unusedName } from './column-names.ts';
import { COVERING_NAME, geoMetadata } from './geo-metadata.ts';
import type { GeometryProfile } from './geometry-profile.ts';
import type { ParquetJob } from './parquet-job.ts';

/** The export of a table as data: what PostgreSQL is asked for, and what the worker makes of it. */
export interface ExportPlan extends Pick<ParquetJob, 'columns' | 'select' | 'metadata'> {
  /** COPY statement for PostgreSQL. */
  copy: string;
  /** Columns of the file without the covering, as the ledger keeps them. */
  ledgerColumns: Column[];
  /** Columns that had to be renamed. */
  notes: Note[];
}

export interface ExportTable {
  table: string;
  /** All columns of the table, in order. */
  columns: TableColumn[];
  facts: Map<string, ColumnFacts>;
  geometryColumn: string;
  keyColumn: string;
  profile: GeometryProfile;
  /** PROJJSON. */
  crs: unknown;
}

const SIDES = ['XMin', 'YMin', 'XMax', 'YMax'] as const;

/**
 * Plans the GeoParquet file of a table: its attributes in order, the geometry, the covering. Rows come in PostGIS's Hilbert order,
 * ties by key, nulls last, so that the same rows give the same bytes. The key column is not exported.
 */
export function planExport(table: ExportTable): ExportPlan {
  // The geometry goes first when names are made distinct: its name is the one that was asked for.
  const exported = table.columns.filter(({ name }) => name !== table.keyColumn && name !== table.geometryColumn);
  const {
    names: [, ...names],
    notes,
  } = distinctNames([table.geometryColumn, ...exported.map(({ name }) => name)]);
  const covering = unusedName(COVERING_NAME, [table.geometryColumn, ...names]);
  const box = unusedName(
    'box',
    table.columns.map(({ name }) => name),
  );
  const attributes = exported.map((column) => exportColumn(column, table.facts.get(column.name)));
  const columns = [...attributes, geometryColumn(table.geometryColumn), ...SIDES.map((side) => sideColumn(side, box))];
  const raw = (position: number) => `c${position}`;
  const [xmin, ymin, xmax, ymax] = SIDES.map((_, side) => raw(attributes.length + 1 + side));
  return {
    copy: copyStatement(columns, box, table),
    columns: columns.map((column) => column.raw),
    select: [
      ...columns.slice(0, attributes.length + 1).map((column, position) => ({
        expression: column.target(raw(position)),
        name: names[position] ?? column.name,
      })),
      // Null where there are no coordinates: NaN would cost the row group its statistics.
      {
        expression: `case when ${xmin} is not null then struct_pack(xmin := ${xmin}, ymin := ${ymin}, xmax := ${xmax}, ymax := ${ymax}) end`,
        name: covering,
      },
    ],
    metadata: { geo: JSON.stringify(geoMetadata(table.geometryColumn, covering, table.profile, table.crs)) },
    ledgerColumns: [
      ...exported.map(({ name, type }, position) => ({ name: names[position] ?? name, type })),
      { name: table.geometryColumn, type: 'geometry' },
    ],
    notes,
  };
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

/** The box is computed once for each row. */
function copyStatement(columns: ExportColumn[], box: string, table: ExportTable): string {
  return format(
    'copy (select %s from (select *, %I::box3d as %I from %I offset 0) as t order by t.%I, t.%I) to stdout (format binary)',
    columns.map(({ source }) => source).join(', '),
    table.geometryColumn,
    box,
    table.table,
    table.geometryColumn,
    table.keyColumn,
  );
}
