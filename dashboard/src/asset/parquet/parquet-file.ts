import {
  type AsyncBuffer,
  type FileMetaData,
  parquetMetadataAsync,
  parquetSchema,
  type SchemaElement,
  type SchemaTree,
} from 'hyparquet';

/** A column of the table. */
export interface TableColumn {
  name: string;
  /** Undefined for a nested column. */
  element: SchemaElement | undefined;
}

export interface RowGroupRows {
  /** Number of its first row in the file. */
  start: number;
  rows: number;
}

/** An opened Parquet file: its footer, and where its row groups begin. */
export interface ParquetFile {
  file: AsyncBuffer;
  metadata: FileMetaData;
  schema: SchemaTree;
  groups: RowGroupRows[];
  rowCount: number;
  /** Columns for the user: without geometry and covering. */
  columns: TableColumn[];
  geo: GeoColumn | undefined;
}

/** The primary geometry column of the `geo` metadata (GeoParquet 1.1). */
export interface GeoColumn {
  name: string;
  /** Name of the struct column with the bounds of each geometry. */
  covering: string | undefined;
  geometryTypes: string[];
  /** PROJJSON; null if unknown, undefined for OGC:CRS84. */
  crs: unknown;
}

/** The footer of most files is smaller, so that one request reads it. */
const FOOTER_BYTES = 512 * 1024;

/** Statistics contain times as they are stored: a Date has no microseconds. */
const STORED = {
  dateFromDays: (days: number) => days,
  timestampFromMilliseconds: (ticks: bigint) => ticks,
  timestampFromMicroseconds: (ticks: bigint) => ticks,
  timestampFromNanoseconds: (ticks: bigint) => ticks,
};

export async function openParquet(file: AsyncBuffer): Promise<ParquetFile> {
  const options = { initialFetchSize: FOOTER_BYTES, geoparquet: false, parsers: STORED };
  const metadata = await parquetMetadataAsync(file, options);
  const schema = parquetSchema(metadata);
  const geo = geoColumn(metadata);
  let start = 0;
  const groups = metadata.row_groups.map(({ num_rows }) => {
    const group = { start, rows: Number(num_rows) };
    start += group.rows;
    return group;
  });
  const columns = schema.children
    .filter(({ element }) => element.name !== geo?.name && element.name !== geo?.covering)
    .map(({ element, children }) => ({ name: element.name, element: isFlat(element, children) ? element : undefined }));
  return { file, metadata, schema, groups, rowCount: start, columns, geo };
}

function isFlat(element: SchemaElement, children: SchemaTree[]): boolean {
  return children.length === 0 && element.repetition_type !== 'REPEATED';
}

interface GeoMetadata {
  primary_column: string;
  columns: Record<
    string,
    { crs?: unknown; geometry_types: string[]; covering?: { bbox: { xmin: [string, string] } } } | undefined
  >;
}

function geoColumn({ key_value_metadata }: FileMetaData): GeoColumn | undefined {
  const text = key_value_metadata?.find(({ key }) => key === 'geo')?.value;
  if (text === undefined) return undefined;
  const { primary_column: name, columns } = JSON.parse(text) as GeoMetadata;
  const column = columns[name];
  return (
    column && {
      name,
      covering: column.covering?.bbox.xmin[0],
      geometryTypes: column.geometry_types,
      crs: column.crs,
    }
  );
}

/** The row group of a row. */
export function groupOfRow({ groups }: ParquetFile, row: number): number {
  let [low, high] = [0, groups.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((groups[middle]?.start ?? 0) <= row) low = middle;
    else high = middle - 1;
  }
  return low;
}
