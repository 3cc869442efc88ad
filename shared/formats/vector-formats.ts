import { isDelimitedText, isShapefile, isSqlite, isZip, matchesText, startsWithBytes } from './signatures.ts';
import { type FileFormat, FormatList, SINGLE_FILE } from './format-list.ts';

/** A vector format that Sluice accepts. docs/formats.md is generated from the table below. */
export interface VectorFormat extends FileFormat {
  /** Set when the standard of the format prescribes the CRS. */
  fixedCrs?: 'OGC:CRS84';
  /**
   * How `encoding` of the manifest is applied: as an open option, by converting the file to UTF-8, or by replacing the
   * charset in its header.
   */
  encoding: 'driver' | 'transcode' | 'charset' | 'in file';
  /** True when the geometry type that ogrinfo prints is reliable about Z and M. */
  certainDimensions?: true;
  /** True when the driver opens the zip archive itself, because documents in it refer to each other. */
  isZipArchive?: true;
  /** Layers that GDAL derives from other layers. They are ignored when the only layer is chosen. */
  derivedLayers?: readonly string[];
}

export const VECTOR_FORMATS: readonly VectorFormat[] = [
  {
    name: 'ESRI Shapefile',
    aliases: ['Shapefile', 'SHP'],
    extensions: ['.shp'],
    drivers: ['ESRI Shapefile'],
    required: ['.shx', '.dbf'],
    optional: ['.prj', '.cpg', '.sbn', '.sbx', '.qix', '.cst'],
    isSingleLayer: true,
    matchesSignature: isShapefile,
    encoding: 'driver',
    certainDimensions: true,
  },
  {
    name: 'GPKG',
    aliases: ['GeoPackage'],
    extensions: ['.gpkg'],
    drivers: ['GPKG'],
    ...SINGLE_FILE,
    matchesSignature: isSqlite,
    encoding: 'in file',
  },
  {
    name: 'GeoJSON',
    aliases: ['JSON'],
    extensions: ['.geojson', '.json'],
    drivers: ['GeoJSON', 'GeoJSONSeq'],
    ...SINGLE_FILE,
    fixedCrs: 'OGC:CRS84',
    matchesSignature: matchesText(/^\s*\{/),
    encoding: 'transcode',
  },
  {
    name: 'GeoJSONSeq',
    aliases: ['ndjson', 'GeoJSONL', 'GeoJSON Sequence', 'newline-delimited GeoJSON', 'jsonl'],
    extensions: ['.geojsonl', '.geojsons', '.ndjson', '.jsonl', '.geojson', '.json'],
    drivers: ['GeoJSON', 'GeoJSONSeq'],
    ...SINGLE_FILE,
    fixedCrs: 'OGC:CRS84',
    matchesSignature: matchesText(/^[\s\u001e]*\{/),
    encoding: 'transcode',
  },
  {
    name: 'FlatGeobuf',
    aliases: ['FGB'],
    extensions: ['.fgb'],
    drivers: ['FlatGeobuf'],
    ...SINGLE_FILE,
    matchesSignature: startsWithBytes(0x66, 0x67, 0x62),
    encoding: 'in file',
    certainDimensions: true,
  },
  {
    name: 'KML',
    aliases: ['LIBKML'],
    extensions: ['.kml'],
    drivers: ['LIBKML'],
    ...SINGLE_FILE,
    fixedCrs: 'OGC:CRS84',
    matchesSignature: matchesText(/<(?:\w+:)?(?:kml|Document|Folder|Placemark)\b/),
    encoding: 'in file',
  },
  {
    name: 'KMZ',
    aliases: [],
    extensions: ['.kmz'],
    drivers: ['LIBKML'],
    ...SINGLE_FILE,
    fixedCrs: 'OGC:CRS84',
    matchesSignature: isZip,
    encoding: 'in file',
    isZipArchive: true,
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
    encoding: 'charset',
  },
  {
    name: 'MIF',
    aliases: ['MapInfo MIF', 'MIF/MID', 'MID/MIF'],
    extensions: ['.mif'],
    drivers: ['MapInfo File'],
    required: [],
    optional: ['.mid'],
    matchesSignature: matchesText(/^\s*version/i),
    encoding: 'charset',
  },
  {
    name: 'GPX',
    aliases: [],
    extensions: ['.gpx'],
    drivers: ['GPX'],
    ...SINGLE_FILE,
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
    ...SINGLE_FILE,
    matchesSignature: isSqlite,
    encoding: 'in file',
  },
  {
    name: 'CSV',
    aliases: ['TSV'],
    extensions: ['.csv', '.tsv', '.txt'],
    drivers: [], // The reader of tables reads it.
    ...SINGLE_FILE,
    isSingleLayer: true,
    matchesSignature: isDelimitedText,
    encoding: 'transcode',
  },
];

export const VECTOR_FORMAT_LIST = new FormatList('vector', VECTOR_FORMATS);

/** Pairs of formats with one driver: a file declared as the first, with this extension, is of the second. */
const FORMAT_BY_EXTENSION: [declared: string, extension: RegExp, actual: string][] = [
  ['MapInfo File', /\.(mif|mid)$/i, 'MIF'],
  ['MIF', /\.tab$/i, 'MapInfo File'],
  ['KML', /\.kmz$/i, 'KMZ'],
  ['KMZ', /\.(kml|zip)$/i, 'KML'],
];

/**
 * The vector format with this name or alias, for the file at `path`. The extension decides between TAB and MIF, and
 * between KML and KMZ. Throws FORMAT_NOT_SUPPORTED.
 */
export function vectorFormat(name: string, path = ''): VectorFormat {
  const format = VECTOR_FORMAT_LIST.get(name, path);
  const actual = FORMAT_BY_EXTENSION.find(
    ([declared, extension]) => declared === format.name && extension.test(path),
  )?.[2];
  return (actual === undefined ? undefined : VECTOR_FORMAT_LIST.find(actual)) ?? format;
}
