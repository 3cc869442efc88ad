import { SluiceError } from '#shared/errors/sluice-error.ts';

/**
 * The vector formats that Sluice reads: what a manifest may say, which drivers may then touch the file, and which files belong
 * to it. docs/formats.md is written from this table (formats-document.ts).
 */
export interface VectorFormat {
  /** GDAL's name of the driver: what `format` in a manifest says. */
  name: string;
  /** Other names that are understood; case, spaces and punctuation never matter. */
  aliases: readonly string[];
  /** Lower case, with the dot; the first is the usual one. */
  extensions: readonly string[];
  /** The only drivers that may open the file. */
  drivers: readonly string[];
  /** Extensions of files of the same name that belong to the dataset. */
  required: readonly string[];
  optional: readonly string[];
  /** The CRS that the format itself fixes. */
  fixedCrs?: 'OGC:CRS84';
  /** True when the first bytes (16 KiB at most) can begin a file of this format. */
  begins: (head: Buffer) => boolean;
  /** How `encoding` of the manifest is obeyed: given to the driver, or the file is turned into UTF-8 first. */
  encoding: 'driver' | 'transcode' | 'in file';
  /** The geometry type that ogrinfo prints says for certain whether there is a Z or M. */
  certainDimensions?: true;
  /** The driver opens the archive itself, after it was checked, because its documents refer to each other. */
  isArchive?: true;
  /** Layers that GDAL derives from other layers; not counted when a layer is chosen. */
  derivedLayers?: readonly string[];
}

const magic = (...bytes: number[]) => (head: Buffer) => head.subarray(0, bytes.length).equals(Buffer.from(bytes));
const sqlite = magic(...Buffer.from('SQLite format 3\0', 'latin1'));
const text = (pattern: RegExp) => (head: Buffer) => pattern.test(asText(head));
const NO_PARTS = { required: [], optional: [] } as const;

export const VECTOR_FORMATS: readonly VectorFormat[] = [
  {
    name: 'ESRI Shapefile', aliases: ['Shapefile', 'SHP'], extensions: ['.shp'], drivers: ['ESRI Shapefile'],
    required: ['.shx', '.dbf'], optional: ['.prj', '.cpg', '.sbn', '.sbx', '.qix', '.cst'],
    begins: magic(0, 0, 0x27, 0x0a), encoding: 'driver', certainDimensions: true,
  },
  { name: 'GPKG', aliases: ['GeoPackage'], extensions: ['.gpkg'], drivers: ['GPKG'], ...NO_PARTS, begins: sqlite, encoding: 'in file' },
  {
    name: 'GeoJSON', aliases: ['JSON'], extensions: ['.geojson', '.json'], drivers: ['GeoJSON', 'GeoJSONSeq'], ...NO_PARTS,
    fixedCrs: 'OGC:CRS84', begins: text(/^\s*\{/), encoding: 'transcode',
  },
  {
    name: 'GeoJSONSeq', aliases: ['ndjson', 'GeoJSONL', 'GeoJSON Sequence', 'newline-delimited GeoJSON', 'jsonl'], extensions: ['.geojsonl', '.geojsons', '.ndjson', '.jsonl', '.geojson', '.json'],
    drivers: ['GeoJSON', 'GeoJSONSeq'], ...NO_PARTS, fixedCrs: 'OGC:CRS84', begins: text(/^[\s\u001e]*\{/), encoding: 'transcode',
  },
  { name: 'FlatGeobuf', aliases: ['FGB'], extensions: ['.fgb'], drivers: ['FlatGeobuf'], ...NO_PARTS, begins: magic(0x66, 0x67, 0x62), encoding: 'in file', certainDimensions: true },
  { name: 'KML', aliases: ['LIBKML'], extensions: ['.kml'], drivers: ['LIBKML'], ...NO_PARTS, fixedCrs: 'OGC:CRS84', begins: text(/<(?:\w+:)?(?:kml|Document|Folder|Placemark)\b/), encoding: 'in file' },
  { name: 'KMZ', aliases: [], extensions: ['.kmz'], drivers: ['LIBKML'], ...NO_PARTS, fixedCrs: 'OGC:CRS84', begins: magic(0x50, 0x4b), encoding: 'in file', isArchive: true },
  { name: 'GML', aliases: [], extensions: ['.gml', '.xml'], drivers: ['GML'], required: [], optional: ['.xsd'], begins: text(/<[\w:.-]+[\s>]/), encoding: 'in file' },
  {
    name: 'MapInfo File', aliases: ['MapInfo', 'TAB', 'MapInfo TAB'], extensions: ['.tab'], drivers: ['MapInfo File'], required: ['.dat'], optional: ['.map', '.id', '.ind'],
    begins: text(/^\s*!table/i), encoding: 'in file',
  },
  { name: 'MIF', aliases: ['MapInfo MIF', 'MIF/MID', 'MID/MIF'], extensions: ['.mif'], drivers: ['MapInfo File'], required: [], optional: ['.mid'], begins: text(/^\s*version/i), encoding: 'in file' },
  {
    name: 'GPX', aliases: [], extensions: ['.gpx'], drivers: ['GPX'], ...NO_PARTS, fixedCrs: 'OGC:CRS84', begins: text(/<(?:\w+:)?gpx\b/), encoding: 'in file',
    derivedLayers: ['route_points', 'track_points'],
  },
  { name: 'SQLite', aliases: ['SpatiaLite'], extensions: ['.sqlite', '.sqlite3', '.db', '.spatialite'], drivers: ['SQLite'], ...NO_PARTS, begins: sqlite, encoding: 'in file' },
  { name: 'CSV', aliases: ['TSV'], extensions: ['.csv', '.tsv', '.txt'], drivers: ['CSV'], ...NO_PARTS, begins: (head) => !head.includes(0) || isUtf16(head), encoding: 'transcode' },
];

/** Archives that are opened, whatever the format of what they hold. */
const ARCHIVES = ['.zip', '.shz'];

const byName = new Map(VECTOR_FORMATS.flatMap((format) => [format.name, ...format.aliases].map((name) => [plain(name), format] as const)));

/** One driver reads both; which it is, the extension says. */
const TWINS: [string, RegExp, string][] = [['MapInfo File', /\.(mif|mid)$/i, 'MIF'], ['MIF', /\.tab$/i, 'MapInfo File'], ['KML', /\.kmz$/i, 'KMZ'], ['KMZ', /\.(kml|zip)$/i, 'KML']];

/**
 * The format that a manifest names, for the file at `path`: `MapInfo File` is TAB or MIF, `KML` is KML or KMZ.
 * Throws FORMAT_NOT_SUPPORTED.
 */
export function vectorFormat(name: string, path = ''): VectorFormat {
  const format = byName.get(plain(name));
  if (format === undefined) {
    throw new SluiceError('FORMAT_NOT_SUPPORTED', `Sluice does not read the format ${JSON.stringify(name)}${path && ` of ${path}`}. It reads ${VECTOR_FORMATS.map((known) => known.name).join(', ')}.`, { details: { format: name, ...(path && { file: path }) } });
  }
  const twin = TWINS.find(([of, extension]) => of === format.name && extension.test(path))?.[2];
  return (twin === undefined ? undefined : byName.get(plain(twin))) ?? format;
}

/** True when `format` in a manifest names a vector format. */
export function isVectorFormat(name: string): boolean {
  return byName.has(plain(name));
}

/** True when the file is an archive to unpack. */
export function isArchive(path: string): boolean {
  return ARCHIVES.some((extension) => path.toLowerCase().endsWith(extension));
}

/** True when the name has an extension of the format. */
export function hasExtension(format: VectorFormat, name: string): boolean {
  return format.extensions.some((extension) => name.toLowerCase().endsWith(extension));
}

/** What the first bytes look like, for a message. */
export function describeBeginning(head: Buffer): string {
  if (head.length === 0) return 'an empty file';
  if (magic(0x50, 0x4b)(head)) return 'a zip archive';
  if (sqlite(head)) return 'an SQLite database';
  if (magic(0x49, 0x49, 0x2a, 0)(head) || magic(0x4d, 0x4d, 0, 0x2a)(head)) return 'a TIFF image';
  if (magic(0x25, 0x50, 0x44, 0x46)(head)) return 'a PDF document';
  if (magic(0, 0, 0x27, 0x0a)(head)) return 'a shapefile';
  if (magic(0x1f, 0x8b)(head)) return 'a gzip file';
  const root = /<(?![?!])([\w:.-]{1,64})/.exec(asText(head))?.[1];
  if (/^\s*</.test(asText(head)) && root !== undefined) return `an XML document <${root}>`;
  if (/^\s*[{[]/.test(asText(head))) return 'JSON';
  return head.includes(0) ? 'binary data' : 'text';
}

function asText(head: Buffer): string {
  const decoded = isUtf16(head) ? new TextDecoder(head[0] === 0xff ? 'utf-16le' : 'utf-16be').decode(head) : head.toString('latin1');
  return decoded.replace(/^(\u00ef\u00bb\u00bf|\ufeff)/, '');
}

function isUtf16(head: Buffer): boolean {
  return magic(0xff, 0xfe)(head) || magic(0xfe, 0xff)(head);
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
}
