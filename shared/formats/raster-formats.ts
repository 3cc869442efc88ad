import { SluiceError } from '#shared/errors/sluice-error.ts';
import { decodeFirstBytes, startsWithLatin1, matchesText, isTiff } from './signatures.ts';
import { type FileFormat, FormatList, SINGLE_FILE } from './format-list.ts';

/** A raster format that Sluice accepts. VRT is not one of them, because a VRT can name any file or server. */
export interface RasterFormat extends FileFormat {
  /** True when a .prj file can hold the CRS, but the driver does not read it. */
  prjNotReadByDriver?: true;
  /** Options of the driver that GDAL reads from environment variables. */
  environment?: Record<string, string>;
}

const WORLD_FILES = ['.wld', '.prj'] as const;
/** GDAL's metadata, such as nodata, scales, classes and tables of bands; and a mask, which is a TIFF. */
export const ATTACHED_FILES = { metadata: '.aux.xml', mask: '.msk' } as const;

const FORMATS: readonly RasterFormat[] = [
  {
    name: 'GTiff',
    aliases: ['GeoTIFF', 'TIFF', 'TIF', 'COG', 'BigTIFF'],
    extensions: ['.tif', '.tiff', '.btf', '.tf8', '.gtiff'],
    drivers: ['GTiff'],
    required: [],
    optional: ['.tfw', '.tifw', '.tiffw', ...WORLD_FILES],
    prjNotReadByDriver: true,
    matchesSignature: isTiff,
  },
  {
    name: 'JP2OpenJPEG',
    aliases: ['JPEG2000', 'JP2', 'J2K'],
    extensions: ['.jp2', '.j2k', '.jpx'],
    drivers: ['JP2OpenJPEG'],
    required: [],
    optional: ['.j2w', ...WORLD_FILES],
    prjNotReadByDriver: true,
    matchesSignature: startsWithLatin1('\0\0\0\x0cjP', '\xff\x4f\xff\x51'),
  },
  {
    name: 'netCDF',
    aliases: ['NC', 'netCDF4'],
    extensions: ['.nc', '.nc4', '.cdf'],
    drivers: ['netCDF'],
    ...SINGLE_FILE,
    matchesSignature: startsWithLatin1('CDF\x01', 'CDF\x02', 'CDF\x05', '\x89HDF'),
  },
  {
    name: 'GRIB',
    aliases: ['GRIB1', 'GRIB2', 'GRB'],
    extensions: ['.grib', '.grb', '.grib2', '.grb2'],
    // The GRIB driver decodes values that are packed as JPEG 2000 with the other driver.
    drivers: ['GRIB', 'JP2OpenJPEG'],
    // GDAL would convert kelvin to degrees Celsius, and other units.
    environment: { GRIB_NORMALIZE_UNITS: 'NO' },
    ...SINGLE_FILE,
    matchesSignature: matchesText(/GRIB/),
  },
  {
    name: 'AAIGrid',
    aliases: ['ASCII grid', 'ESRI ASCII', 'ESRI ASCII grid', 'Arc/Info ASCII Grid'],
    extensions: ['.asc'],
    drivers: ['AAIGrid'],
    required: [],
    optional: ['.prj'],
    isSingleLayer: true,
    matchesSignature: matchesText(/^\s*(ncols|nrows|xll|yll|cellsize|dx|dy|nodata)/i),
  },
  // Raw values without a signature. The .hdr file describes them.
  {
    name: 'EHdr',
    aliases: ['ESRI float grid', 'FLT', 'BIL', 'ESRI .hdr Labeled'],
    extensions: ['.flt', '.bil', '.bip', '.bsq'],
    drivers: ['EHdr'],
    required: ['.hdr'],
    optional: ['.prj', '.clr'],
    isSingleLayer: true,
    matchesSignature: () => true,
  },
  {
    name: 'PNG',
    aliases: [],
    extensions: ['.png'],
    drivers: ['PNG'],
    required: [],
    optional: ['.pgw', '.pngw', ...WORLD_FILES],
    prjNotReadByDriver: true,
    isSingleLayer: true,
    matchesSignature: startsWithLatin1('\x89PNG'),
  },
  {
    name: 'JPEG',
    aliases: ['JPG'],
    extensions: ['.jpg', '.jpeg'],
    drivers: ['JPEG'],
    required: [],
    optional: ['.jgw', '.jpgw', '.jpegw', ...WORLD_FILES],
    prjNotReadByDriver: true,
    isSingleLayer: true,
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

export const RASTER_FORMATS: readonly RasterFormat[] = FORMATS.map((format) => ({
  ...format,
  attached: Object.values(ATTACHED_FILES),
}));

export const RASTER_FORMAT_LIST = new FormatList('raster', RASTER_FORMATS);

/**
 * The raster format with this name or alias, for the file at `path`. Throws FORMAT_NOT_SUPPORTED, and
 * FILE_FORBIDDEN_CONTENT for VRT.
 */
export function rasterFormat(name: string, path = ''): RasterFormat {
  if (/^\s*vrt\s*$/i.test(name)) {
    throw new SluiceError(
      'FILE_FORBIDDEN_CONTENT',
      `${path || 'A VRT'} only refers to other files. ` +
        'Upload the rasters themselves; metadata.raster.mosaic combines them.',
      { details: { format: name, ...(path && { file: path }) } },
    );
  }
  return RASTER_FORMAT_LIST.get(name, path);
}

/** Root elements of XML that GDAL opens as a raster stored in other files or on a server. */
const REFERENCING_XML =
  /<(?:VRTDataset|OGRVRTDataSource|GDAL_W[MC][ST]S?|WMS_|WCS_|GDALTileIndexDataset|Capabilities|WMS_Tile_Service|ESRI_Layer|TileMap)\b/i;

/** Throws FILE_FORBIDDEN_CONTENT for a VRT, WMS or similar XML with any file extension. */
export function rejectReferencingXml(firstBytes: Buffer, file: string): void {
  const text = decodeFirstBytes(firstBytes);
  if (!/^\s*</.test(text) || !REFERENCING_XML.test(text)) return;
  throw new SluiceError(
    'FILE_FORBIDDEN_CONTENT',
    `${file} refers to rasters in other files or on servers and contains no pixels. Upload the rasters themselves.`,
    { details: { file } },
  );
}
