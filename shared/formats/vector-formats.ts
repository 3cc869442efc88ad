import { isUtf16, startsWithBytes, isSqlite, matchesText } from './first-bytes.ts';
import { type FileFormat, FormatTable } from './format-table.ts';

/**
 * The vector formats that Sluice reads. docs/formats.md is written from this table.
 */
export interface VectorFormat extends FileFormat {
  /** The CRS that the format itself fixes. */
  fixedCrs?: 'OGC:CRS84';
  /** How `encoding` of the manifest is obeyed: given to the driver, or the file is turned into UTF-8 first. */
  encoding: 'driver' | 'transcode' | 'in file';
  /** The geometry type that ogrinfo prints says for certain whether there is a Z or M. */
  certainDimensions?: true;
  /** The driver opens the archive itself, after it was checked, because its documents refer to each other. */
  isArchive?: true;
  /** Layers that GDAL derives from other layers; not counted when a layer is chosen. */
  derivedLayers?: readonly string[];
}

const NO_PARTS = { required: [], optional: [] } as const;

export const VECTOR_FORMATS: readonly VectorFormat[] = [
  {
    name: 'ESRI Shapefile',
    aliases: ['Shapefile', 'SHP'],
    extensions: ['.shp'],
    drivers: ['ESRI Shapefile'],
    required: ['.shx', '.dbf'],
    optional: ['.prj', '.cpg', '.sbn', '.sbx', '.qix', '.cst'],
    matchesSignature: startsWithBytes(0, 0, 0x27, 0x0a),
    encoding: 'driver',
    certainDimensions: true,
  },
  {
    name: 'GPKG',
    aliases: ['GeoPackage'],
    extensions: ['.gpkg'],
    drivers: ['GPKG'],
    ...NO_PARTS,
    matchesSignature: isSqlite,
    encoding: 'in file',
  },
  {
    name: 'GeoJSON',
    aliases: ['JSON'],
    extensions: ['.geojson', '.json'],
    drivers: ['GeoJSON', 'GeoJSONSeq'],
    ...NO_PARTS,
    fixedCrs: 'OGC:CRS84',
    matchesSignature: matchesText(/^\s*\{/),
    encoding: 'transcode',
  },
  {
    name: 'GeoJSONSeq',
    aliases: ['ndjson', 'GeoJSONL', 'GeoJSON Sequence', 'newline-delimited GeoJSON', 'jsonl'],
    extensions: ['.geojsonl', '.geojsons', '.ndjson', '.jsonl', '.geojson', '.json'],
    drivers: ['GeoJSON', 'GeoJSONSeq'],
    ...NO_PARTS,
    fixedCrs: 'OGC:CRS84',
    matchesSignature: matchesText(/^[\s\u001e]*\{/),
    encoding: 'transcode',
  },
  {
    name: 'FlatGeobuf',
    aliases: ['FGB'],
    extensions: ['.fgb'],
    drivers: ['FlatGeobuf'],
    ...NO_PARTS,
    matchesSignature: startsWithBytes(0x66, 0x67, 0x62),
    encoding: 'in file',
    certainDimensions: true,
  },
  {
    name: 'KML',
    aliases: ['LIBKML'],
    extensions: ['.kml'],
    drivers: ['LIBKML'],
    ...NO_PARTS,
    fixedCrs: 'OGC:CRS84',
    matchesSignature: matchesText(/<(?:\w+:)?(?:kml|Document|Folder|Placemark)\b/),
    encoding: 'in file',
  },
  {
    name: 'KMZ',
    aliases: [],
    extensions: ['.kmz'],
    drivers: ['LIBKML'],
    ...NO_PARTS,
    fixedCrs: 'OGC:CRS84',
    matchesSignature: startsWithBytes(0x50, 0x4b),
    encoding: 'in file',
    isArchive: true,
  },
  {
    name: 'GML',
    aliases: [],
    extensions: ['.gml', '.xml'],
    drivers: ['GML'],
    required: [],
    optional: ['.xsd'],
    matchesSignature: matchesText(/<[\w:.-]+[\s>]/),
    encoding: 'in file',
  },
  {
    name: 'MapInfo File',
    aliases: ['MapInfo', 'TAB', 'MapInfo TAB'],
    extensions: ['.tab'],
    drivers: ['MapInfo File'],
    required: ['.dat'],
    optional: ['.map', '.id', '.ind'],
    matchesSignature: matchesText(/^\s*!table/i),
    encoding: 'in file',
  },
  {
    name: 'MIF',
    aliases: ['MapInfo MIF', 'MIF/MID', 'MID/MIF'],
    extensions: ['.mif'],
    drivers: ['MapInfo File'],
    required: [],
    optional: ['.mid'],
    matchesSignature: matchesText(/^\s*version/i),
    encoding: 'in file',
  },
  {
    name: 'GPX',
    aliases: [],
    extensions: ['.gpx'],
    drivers: ['GPX'],
    ...NO_PARTS,
    fixedCrs: 'OGC:CRS84',
    matchesSignature: matchesText(/<(?:\w+:)?gpx\b/),
    encoding: 'in file',
    derivedLayers: ['route_points', 'track_points'],
  },
  {
    name: 'SQLite',
    aliases: ['SpatiaLite'],
    extensions: ['.sqlite', '.sqlite3', '.db', '.spatialite'],
    drivers: ['SQLite'],
    ...NO_PARTS,
    matchesSignature: isSqlite,
    encoding: 'in file',
  },
  {
    name: 'CSV',
    aliases: ['TSV'],
    extensions: ['.csv', '.tsv', '.txt'],
    drivers: ['CSV'],
    ...NO_PARTS,
    matchesSignature: (head) => !head.includes(0) || isUtf16(head),
    encoding: 'transcode',
  },
];

/** The same, by name and extension. */
export const VECTOR_TABLE = new FormatTable('vector', VECTOR_FORMATS);

/** One driver reads both; which it is, the extension says. */
const TWINS: [string, RegExp, string][] = [
  ['MapInfo File', /\.(mif|mid)$/i, 'MIF'],
  ['MIF', /\.tab$/i, 'MapInfo File'],
  ['KML', /\.kmz$/i, 'KMZ'],
  ['KMZ', /\.(kml|zip)$/i, 'KML'],
];

/**
 * The format that a manifest names, for the file at `path`: `MapInfo File` is TAB or MIF, `KML` is KML or KMZ.
 * Throws FORMAT_NOT_SUPPORTED.
 */
export function vectorFormat(name: string, path = ''): VectorFormat {
  const format = VECTOR_TABLE.get(name, path);
  const twin = TWINS.find(([of, extension]) => of === format.name && extension.test(path))?.[2];
  return (twin === undefined ? undefined : VECTOR_TABLE.find(twin)) ?? format;
}
