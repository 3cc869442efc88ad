import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { Note } from '#shared/contracts/facts.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { CopyRows } from './copy-rows.ts';
import { FlatTable } from './flatbuffer.ts';
import { type Dimensions, wkbOfFlat } from './flatgeobuf-geometry.ts';
import { type RowColumn, type RowType, type TimeType, timeTypeOf, typeNote, writeTime } from './row-column.ts';
import { type TableReader, UnreadableRows } from './table-reader.ts';
import { ewkbOf } from './wkb.ts';

/** What to read of a FlatGeobuf file. */
export interface FlatGeobufJob {
  kind: 'flatgeobuf';
  path: string;
  file: string;
  srid: number;
}

const MAGIC_BYTES = 8;
const CHUNK_BYTES = 2 ** 20;
/** GDAL's limit of a header, and of a feature. */
const MAX_HEADER_BYTES = 10 * 2 ** 20;
const MAX_FEATURE_BYTES = 2 ** 31 - 1;

/** Fields of the tables Header, Column and Feature. */
const HEADER = { geometryType: 2, hasZ: 3, hasM: 4, columns: 7, count: 8, nodeSize: 9 };
const COLUMN = { name: 0, type: 1 };
const FEATURE = { geometry: 0, properties: 1 };
const DEFAULT_NODE_SIZE = 16;
const NODE_BYTES = 40;

/** The types of columns, in the order of the schema header.fbs, and the bytes of their values. */
const TYPES: { name: string; bytes?: number; type: RowType }[] = [
  { name: 'Byte', bytes: 1, type: 'smallint' },
  { name: 'UByte', bytes: 1, type: 'smallint' },
  { name: 'Bool', bytes: 1, type: 'boolean' },
  { name: 'Short', bytes: 2, type: 'smallint' },
  { name: 'UShort', bytes: 2, type: 'integer' },
  { name: 'Int', bytes: 4, type: 'integer' },
  { name: 'UInt', bytes: 4, type: 'bigint' },
  { name: 'Long', bytes: 8, type: 'bigint' },
  { name: 'ULong', bytes: 8, type: 'bigint' },
  { name: 'Float', bytes: 4, type: 'real' },
  { name: 'Double', bytes: 8, type: 'double precision' },
  { name: 'String', type: 'character varying' },
  { name: 'Json', type: 'character varying' },
  { name: 'DateTime', type: 'timestamp with time zone' },
  { name: 'Binary', type: 'bytea' },
];
const MAX_LONG = 2n ** 63n - 1n;

interface FlatColumn {
  name: string;
  code: number;
}

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
    batches: (batchBytes) => readRows(reading, columns, { srid, batchBytes, unreadable }),
    close: () => reading.close(),
  };
}

function* readRows(
  reading: FlatFile,
  columns: readonly RowColumn[],
  { srid, batchBytes, unreadable }: { srid: number; batchBytes: number; unreadable: UnreadableRows },
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
    if (rows.size >= batchBytes) yield rows.take();
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

/** A FlatGeobuf file: magic bytes, header, index, features. Each message starts with its length. */
class FlatFile {
  readonly columns: FlatColumn[];
  readonly geometryType: number;
  readonly dimensions: Dimensions;
  readonly #descriptor: number;
  readonly #file: string;
  readonly #start: number;
  /** Features that the header declares; 0 when it does not. */
  readonly #count: number;

  constructor(path: string, file: string) {
    this.#file = file;
    this.#descriptor = openSync(path, 'r');
    const messages = new MessageReader(this.#descriptor, MAGIC_BYTES);
    const header = this.check(() => FlatTable.root(messages.next(MAX_HEADER_BYTES) ?? new Uint8Array()));
    this.columns = this.check(() =>
      header
        .tables(HEADER.columns)
        .map((column) => ({ name: column.text(COLUMN.name), code: column.uint8(COLUMN.type) })),
    );
    const unknown = this.columns.find(({ code }) => !(code in TYPES));
    if (unknown !== undefined) throw this.#damaged(`column ${JSON.stringify(unknown.name)} has an unknown type`);
    this.geometryType = header.uint8(HEADER.geometryType);
    this.dimensions = { z: header.uint8(HEADER.hasZ) !== 0, m: header.uint8(HEADER.hasM) !== 0 };
    const nodeSize = header.uint16(HEADER.nodeSize, DEFAULT_NODE_SIZE);
    this.#count = Number(header.uint64(HEADER.count));
    this.#start = messages.position + indexBytes(this.#count, nodeSize);
  }

  *features(): Generator<{ feature: FlatTable; row: number }> {
    const messages = new MessageReader(this.#descriptor, this.#start);
    for (let row = 1; ; row++) {
      const feature = this.check(() => {
        const message = messages.next(MAX_FEATURE_BYTES);
        return message === undefined ? undefined : FlatTable.root(message);
      }, row);
      if (feature !== undefined) {
        yield { feature, row };
        continue;
      }
      if (this.#count > 0 && row - 1 !== this.#count)
        throw this.#damaged(`it has ${row - 1} features, but its header declares ${this.#count}`);
      return;
    }
  }

  /** The properties of a feature. Sets the positions of the values in them; undefined for a missing value. */
  locate(feature: FlatTable, values: (number | undefined)[]): { properties: Uint8Array; view: DataView } {
    const properties = feature.bytes(FEATURE.properties, 1);
    const view = new DataView(properties.buffer, properties.byteOffset, properties.byteLength);
    values.length = 0;
    let at = 0;
    while (at < properties.length) {
      const index = view.getUint16(at, true);
      const type = TYPES[this.columns[index]?.code ?? -1];
      if (type === undefined) throw new RangeError('A value belongs to no column.');
      at += 2;
      values[index] = at;
      at += type.bytes ?? 4 + view.getUint32(at, true);
      if (at > properties.length) throw new RangeError('A value exceeds its feature.');
    }
    return { properties, view };
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  /** The result of `read`. A position outside of a message means that the file is damaged. */
  check<T>(read: () => T, row?: number): T {
    try {
      return read();
    } catch (thrown) {
      if (!(thrown instanceof RangeError)) throw thrown;
      throw this.#damaged(row === undefined ? 'its header cannot be read' : `row ${row} cannot be read`, row);
    }
  }

  #damaged(reason: string, row?: number): SluiceError {
    return new SluiceError('FILE_UNREADABLE', `${this.#file} is damaged: ${reason}. Export it again.`, {
      details: { file: this.#file, ...(row === undefined ? {} : { row }) },
    });
  }
}

/** The size of the packed R-tree of so many features. */
export function indexBytes(features: number, nodeSize: number): number {
  if (nodeSize < 2 || features === 0) return 0;
  let nodes = features;
  for (let level = features; level > 1;) {
    level = Math.ceil(level / nodeSize);
    nodes += level;
  }
  return (features === 1 ? 2 : nodes) * NODE_BYTES;
}

/** Reads messages that start with their length. */
class MessageReader {
  readonly #descriptor: number;
  readonly #size: number;
  #chunk: Buffer = Buffer.alloc(0);
  /** The position of the first byte of the chunk in the file, and the next byte in the chunk. */
  #start: number;
  #at = 0;

  constructor(descriptor: number, position: number) {
    this.#descriptor = descriptor;
    this.#size = fstatSync(descriptor).size;
    this.#start = position;
  }

  get position(): number {
    return this.#start + this.#at;
  }

  /** The next message; undefined at the end of the file. Throws RangeError for an incomplete one. */
  next(maxBytes: number): Uint8Array | undefined {
    if (!this.#fill(4)) {
      if (this.#at === this.#chunk.length) return undefined;
      throw new RangeError('A length is incomplete.');
    }
    const length = this.#chunk.readUInt32LE(this.#at);
    const isInFile = this.position + 4 + length <= this.#size;
    if (length > maxBytes || !isInFile || !this.#fill(4 + length)) throw new RangeError('A message is incomplete.');
    const message = this.#chunk.subarray(this.#at + 4, this.#at + 4 + length);
    this.#at += 4 + length;
    return message;
  }

  /** Reads so that the chunk has so many bytes left. Returns false at the end of the file. */
  #fill(bytes: number): boolean {
    const left = this.#chunk.length - this.#at;
    if (left >= bytes) return true;
    const chunk = Buffer.allocUnsafe(Math.max(CHUNK_BYTES, bytes));
    this.#chunk.copy(chunk, 0, this.#at);
    this.#start += this.#at;
    this.#at = 0;
    let filled = left;
    while (filled < bytes) {
      const count = readSync(this.#descriptor, chunk, filled, chunk.length - filled, this.#start + filled);
      if (count === 0) break;
      filled += count;
    }
    this.#chunk = chunk.subarray(0, filled);
    return filled >= bytes;
  }
}
