import type { Note } from '#shared/contracts/shared-schemas.ts';
import { CopyRows } from './copy-rows.ts';
import { FEATURE, FlatFile, TYPES } from './flatgeobuf-file.ts';
import { wkbOfFlat } from './flatgeobuf-geometry.ts';
import {
  type RowColumn,
  type TableReader,
  type TimeType,
  timeTypeOf,
  typeNote,
  UnreadableRows,
  writeTime,
} from './table-reader.ts';
import { ewkbOf } from './wkb.ts';

/** What to read of a FlatGeobuf file. */
export interface FlatGeobufJob {
  kind: 'flatgeobuf';
  path: string;
  file: string;
  srid: number;
}

const MAX_LONG = 2n ** 63n - 1n;

/**
 * Reads a FlatGeobuf file without GDAL, which writes its doubles with 15 digits. The features are read twice when a
 * column needs it: texts of times, which can be of several types, and integers that may exceed 64 bits with a sign.
 */
export function readFlatGeobuf({ path, file, srid }: FlatGeobufJob): TableReader {
  const reading = new FlatFile(path, file);
  const columns = reading.columns.map(({ name, code }): RowColumn => {
    const { type, name: declared } = TYPES[code] as (typeof TYPES)[number];
    return { name, type, declared: declared === 'Json' ? 'String(JSON)' : declared };
  });
  const notes = decideColumns(reading, columns, file);
  const unreadable = new UnreadableRows();
  return {
    columns,
    notes,
    unreadable,
    blocks: (blockBytes) => readRows(reading, columns, { srid, blockBytes, unreadable }),
    close: () => reading.close(),
  };
}

function* readRows(
  reading: FlatFile,
  columns: readonly RowColumn[],
  { srid, blockBytes, unreadable }: { srid: number; blockBytes: number; unreadable: UnreadableRows },
): Generator<Uint8Array<ArrayBuffer>> {
  const rows = new CopyRows();
  const values: (number | undefined)[] = [];
  for (const { feature, row } of reading.features()) {
    reading.check(() => {
      rows.startRow(columns.length + 2);
      rows.int64(row);
      const geometry = feature.table(FEATURE.geometry);
      const wkb = geometry && wkbOfFlat(geometry, reading.geometryType, reading.dimensions);
      const shape = wkb && ewkbOf(wkb, srid);
      if (wkb !== undefined && shape === undefined) unreadable.add(row);
      if (shape === undefined) rows.null();
      else rows.bytes(shape);
      const { properties, view } = reading.locate(feature, values);
      for (const [index, column] of columns.entries()) {
        const at = values[index];
        if (at === undefined) rows.null();
        else writeValue(rows, column, reading.columns[index]?.code ?? 0, properties, view, at);
      }
    }, row);
    if (rows.size >= blockBytes) yield rows.take();
  }
  yield rows.take();
}

/** Sets the types of columns that depend on their values. */
function decideColumns(reading: FlatFile, columns: RowColumn[], file: string): Note[] {
  const unsure = columns.flatMap((column, index) => (['DateTime', 'ULong'].includes(column.declared) ? [index] : []));
  if (unsure.length === 0) return [];
  const times = new Map(unsure.map((index) => [index, new Set<string>()]));
  const values: (number | undefined)[] = [];
  for (const { feature, row } of reading.features())
    reading.check(() => {
      const { properties, view } = reading.locate(feature, values);
      for (const index of unsure) {
        const at = values[index];
        if (at === undefined) continue;
        const isLong = columns[index]?.declared === 'ULong';
        const found = isLong
          ? String(view.getBigUint64(at, true) <= MAX_LONG)
          : (timeTypeOf(textAt(properties, view, at)) ?? '');
        times.get(index)?.add(found);
      }
    }, row);
  return unsure.flatMap((index) => {
    const column = columns[index] as RowColumn;
    const found = [...(times.get(index) ?? [])];
    const declared = column.type;
    if (column.declared === 'ULong') column.type = found.includes('false') ? 'numeric' : 'bigint';
    else if (found.length === 1 && found[0] !== '') column.type = found[0] as TimeType;
    else if (found.length > 0) column.type = 'character varying';
    const isNoted = column.type !== declared && column.type === 'character varying';
    return isNoted ? [typeNote(file, column.name, column.declared, column.type, 'it holds other texts')] : [];
  });
}

function textAt(properties: Uint8Array, view: DataView, at: number): string {
  return Buffer.from(properties.subarray(at + 4, at + 4 + view.getUint32(at, true))).toString('utf8');
}

function writeValue(
  rows: CopyRows,
  { type }: RowColumn,
  code: number,
  properties: Uint8Array,
  view: DataView,
  at: number,
): void {
  switch (TYPES[code]?.name) {
    case 'Byte':
      return rows.int16(view.getInt8(at));
    case 'UByte':
      return rows.int16(view.getUint8(at));
    case 'Bool':
      return rows.boolean(view.getUint8(at) !== 0);
    case 'Short':
      return rows.int16(view.getInt16(at, true));
    case 'UShort':
      return rows.int32(view.getUint16(at, true));
    case 'Int':
      return rows.int32(view.getInt32(at, true));
    case 'UInt':
      return rows.int64(view.getUint32(at, true));
    case 'Long':
      return rows.int64(view.getBigInt64(at, true));
    case 'ULong':
      return type === 'numeric' ? rows.numeric(view.getBigUint64(at, true)) : rows.int64(view.getBigUint64(at, true));
    case 'Float':
      return rows.float32(view.getFloat32(at, true));
    case 'Double':
      return rows.float64(view.getFloat64(at, true));
    case 'DateTime':
      if (type !== 'character varying') return writeTime(rows, type as TimeType, textAt(properties, view, at));
  }
  const length = view.getUint32(at, true);
  rows.bytes(properties.subarray(at + 4, at + 4 + length));
}
