import { SluiceError } from '#shared/errors/sluice-error.ts';
import { decodeFirstBytes, startsWithLatin1, matchesText, isTiff } from './first-bytes.ts';
import { type FileFormat, FormatTable } from './format-table.ts';

/** The raster formats that Sluice reads. VRT is none of them: it can name any file or server. */
export interface RasterFormat extends FileFormat {
  /** Extension of a file that holds the CRS as WKT and that the driver does not read by itself. */
  unreadPrj?: '.prj';
}

const WORLD_FILES = ['.wld', '.prj'] as const;
const NO_PARTS = { required: [], optional: [] } as const;

export const RASTER_FORMATS: readonly RasterFormat[] = [
  {
    name: 'GTiff',
    aliases: ['GeoTIFF', 'TIFF', 'TIF', 'COG', 'BigTIFF'],
    extensions: ['.tif', '.tiff', '.btf', '.tf8', '.gtiff'],
    drivers: ['GTiff'],
    required: [],
    optional: ['.tfw', '.tifw', '.tiffw', ...WORLD_FILES],
    unreadPrj: '.prj',
    matchesSignature: isTiff,
  },
  {
    name: 'JP2OpenJPEG',
    aliases: ['JPEG2000', 'JP2', 'J2K'],
    extensions: ['.jp2', '.j2k', '.jpx'],
    drivers: ['JP2OpenJPEG'],
    required: [],
    optional: ['.j2w', ...WORLD_FILES],
    unreadPrj: '.prj',
    matchesSignature: startsWithLatin1('\0\0\0\x0cjP', '\xff\x4f\xff\x51'),
  },
  {
    name: 'netCDF',
    aliases: ['NC', 'netCDF4'],
    extensions: ['.nc', '.nc4', '.cdf'],
    drivers: ['netCDF'],
    ...NO_PARTS,
    matchesSignature: startsWithLatin1('CDF\x01', 'CDF\x02', 'CDF\x05', '\x89HDF'),
  },
  {
    name: 'GRIB',
    aliases: ['GRIB1', 'GRIB2', 'GRB'],
    extensions: ['.grib', '.grb', '.grib2', '.grb2'],
    drivers: ['GRIB'],
    ...NO_PARTS,
    matchesSignature: matchesText(/GRIB/),
  },
  {
    name: 'AAIGrid',
    aliases: ['ASCII grid', 'ESRI ASCII', 'ESRI ASCII grid', 'Arc/Info ASCII Grid'],
    extensions: ['.asc'],
    drivers: ['AAIGrid'],
    required: [],
    optional: ['.prj'],
    matchesSignature: matchesText(/^\s*(ncols|nrows|xll|yll|cellsize|dx|dy|nodata)/i),
  },
  // Raw numbers: what they are stands in the .hdr.
  {
    name: 'EHdr',
    aliases: ['ESRI float grid', 'FLT', 'BIL', 'ESRI .hdr Labeled'],
    extensions: ['.flt', '.bil', '.bip', '.bsq'],
    drivers: ['EHdr'],
    required: ['.hdr'],
    optional: ['.prj', '.clr'],
    matchesSignature: () => true,
  },
  {
    name: 'PNG',
    aliases: [],
    extensions: ['.png'],
    drivers: ['PNG'],
    required: [],
    optional: ['.pgw', '.pngw', ...WORLD_FILES],
    unreadPrj: '.prj',
    matchesSignature: startsWithLatin1('\x89PNG'),
  },
  {
    name: 'JPEG',
    aliases: ['JPG'],
    extensions: ['.jpg', '.jpeg'],
    drivers: ['JPEG'],
    required: [],
    optional: ['.jgw', '.jpgw', '.jpegw', ...WORLD_FILES],
    unreadPrj: '.prj',
    matchesSignature: startsWithLatin1('\xff\xd8\xff'),
  },
  {
    name: 'HFA',
    aliases: ['ERDAS Imagine', 'IMG'],
    extensions: ['.img'],
    drivers: ['HFA'],
    required: [],
    optional: ['.ige'],
    matchesSignature: startsWithLatin1('EHFA_HEADER_TAG'),
  },
];

/** The same, by name and extension. */
export const RASTER_TABLE = new FormatTable('raster', RASTER_FORMATS);

/** The raster format that a manifest names, for the file at `path`. Throws FORMAT_NOT_SUPPORTED, and FILE_FORBIDDEN_CONTENT for VRT. */
export function rasterFormat(name: string, path = ''): RasterFormat {
  if (/^\s*vrt\s*$/i.test(name)) {
    throw new SluiceError(
      'FILE_FORBIDDEN_CONTENT',
      `${path || 'A VRT'} only refers to other files. Upload the rasters themselves; metadata.raster.mosaic joins them.`,
      { details: { format: name, ...(path && { file: path }) } },
    );
  }
  return RASTER_TABLE.get(name, path);
}

/** XML that GDAL would take as the description of a raster elsewhere, whatever the file is called. */
const DESCRIPTIONS =
  /<(?:VRTDataset|OGRVRTDataSource|GDAL_W[MC][ST]S?|WMS_|WCS_|GDALTileIndexDataset|Capabilities|WMS_Tile_Service|ESRI_Layer|TileMap)\b/i;

/** Throws FILE_FORBIDDEN_CONTENT for a VRT, WMS or the like under another name. */
export function rejectReferencingXml(head: Buffer, file: string): void {
  const beginning = decodeFirstBytes(head);
  if (!/^\s*</.test(beginning) || !DESCRIPTIONS.test(beginning)) return;
  throw new SluiceError(
    'FILE_FORBIDDEN_CONTENT',
    `${file} is a description that refers to other files or servers, not a raster. Upload the rasters themselves.`,
    { details: { file } },
  );
}
