import { open, readFile } from 'node:fs/promises';
import type { Layer, LayerField } from '#shared/gdal/layers.ts';
import { stemOf } from '#shared/landing/source-parts.ts';

/**
 * A shapefile says what it holds in a few hundred bytes, so that a plain one needs no ogrinfo (a third of the time of a small batch). Whatever is
 * not plain (Z, M, names that are not ASCII, a .prj not seen before) is left to GDAL. ESRI Shapefile Technical Description, July 1998; dBASE III.
 */

/** Types without Z and M. For the others GDAL looks at the shapes, too. */
const PLAIN_TYPES: Record<number, string> = { 1: 'Point', 3: 'Line String', 5: 'Polygon', 8: 'Multi Point' };
const SHP_HEADER_BYTES = 36;
const DBF_HEADER_BYTES = 32;
const DBF_FIELD_BYTES = 32;
const DBF_NAME_BYTES = 11;
const DBF_END_OF_FIELDS = 0x0d;
/** dBASE allows 255 fields, others write up to 2,046. */
const DBF_READ_BYTES = DBF_HEADER_BYTES + 2048 * DBF_FIELD_BYTES;

/** GDAL's reading of each .prj text that this process has met; undefined when it could make nothing of it. */
const knownPrj = new Map<string, string | undefined>();
const PRJ_KEPT = 256;

/** The layer of a plain shapefile, from its headers; undefined when GDAL must be asked. `path` is that of the .shp. */
export async function plainShapefileLayer(path: string, hasPrj: boolean): Promise<Layer | undefined> {
  const prj = hasPrj ? await readFile(`${stemOf(path)}.prj`, 'latin1') : undefined;
  if (prj !== undefined && !knownPrj.has(prj)) return undefined;
  const [shp, dbf] = await Promise.all([
    beginning(path, SHP_HEADER_BYTES),
    beginning(`${stemOf(path)}.dbf`, DBF_READ_BYTES),
  ]);
  const geometryType = shp.length < SHP_HEADER_BYTES ? undefined : PLAIN_TYPES[shp.readInt32LE(32)];
  const fields = plainDbfFields(dbf);
  if (geometryType === undefined || fields === undefined) return undefined;
  const wkt = prj === undefined ? undefined : knownPrj.get(prj);
  return { name: stemOf(path).split('/').at(-1) ?? '', geometryType, fields, ...(wkt === undefined ? {} : { wkt }) };
}

/** Keeps what GDAL made of the .prj beside a .shp. */
export async function rememberPrj(path: string, layer: Layer): Promise<void> {
  const prj = await readFile(`${stemOf(path)}.prj`, 'latin1');
  if (knownPrj.size >= PRJ_KEPT) knownPrj.clear();
  knownPrj.set(prj, layer.wkt);
}

/** Names of the fields of a dBASE table; undefined when they are damaged, not plain ASCII, or the same apart from case. */
export function plainDbfFields(dbf: Buffer): LayerField[] | undefined {
  const names: string[] = [];
  for (let at = DBF_HEADER_BYTES; dbf[at] !== DBF_END_OF_FIELDS; at += DBF_FIELD_BYTES) {
    if (at + DBF_FIELD_BYTES > dbf.length) return undefined;
    const name = dbf.toString('latin1', at, at + DBF_NAME_BYTES).split('\0')[0] ?? '';
    if (!/^[\x21-\x7e]+$/.test(name)) return undefined;
    names.push(name);
  }
  const distinct = new Set(names.map((name) => name.toLowerCase()));
  return names.length === 0 || distinct.size < names.length
    ? undefined
    : names.map((name) => ({ name, type: 'unknown' }));
}

async function beginning(path: string, bytes: number): Promise<Buffer> {
  const handle = await open(path);
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(bytes), 0, bytes, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
