import { MAX_ENTRIES, MAX_RATIO, RATIO_CHECKED_BYTES } from '#shared/formats/zip.ts';
import { RASTER_FORMATS, type RasterFormat } from '#shared/formats/raster-formats.ts';
import { VECTOR_FORMATS, type VectorFormat } from '#shared/formats/vector-formats.ts';
import { type GeneratedFile, generatedFrom } from './generated-file.ts';

/** docs/formats.md: the formats, and how their files, encodings and coordinate reference systems are read. */
export const formatsDocument: GeneratedFile = { path: 'docs/formats.md', content: formatsMarkdown };

const ARCHIVE_ENTRIES = MAX_ENTRIES.toLocaleString('en-US');
const RATIO_CHECKED_MIB = RATIO_CHECKED_BYTES / 2 ** 20;

function formatsMarkdown(): string {
  return `${generatedFrom('shared/formats/vector-formats.ts and raster-formats.ts')}

# Formats

## Vector formats

\`format\` in a manifest is one of these names. Case, spaces and punctuation are ignored. Only the listed drivers may
open the file. The format is never detected, so a file in another format is an error.

| \`format\` | aliases | extensions | additional files (**required**) | CRS | GDAL drivers |
|---|---|---|---|---|---|
${VECTOR_FORMATS.map(vectorRow).join('\n')}

Each file may be in a \`.zip\` archive (\`.shz\` for a shapefile). An archive contains one dataset; of several,
\`layer\` selects the one to load. Other files in the archive are ignored. Archives with any of these are rejected:
absolute names, \`..\`, backslashes, links, encryption, entries that share their data, more than ${ARCHIVE_ENTRIES}
entries, more than MAX_FILE_BYTES unpacked, or more than ${RATIO_CHECKED_MIB} MiB unpacked and more than ${MAX_RATIO}
times the compressed size.

${READING}

### Notes about values

These notes are about values that differ between the file and the asset. Each names the column or counts the
values.

| note | meaning |
|---|---|
${VALUE_NOTES.map(tableRow).join('\n')}

${COORDINATES}

${rasterFormatsMarkdown()}`;
}

/** How vector files are read. */
const READING = `### How files are read

- **Column names** are not changed, with two exceptions: reserved names (the geometry column, \`sluice_fid\`, \`bbox\`,
  PostgreSQL's system columns, names that differ only in case) and names longer than 63 bytes. They get a suffix \`_1\`,
  \`_2\`, …, and the asset has a note \`COLUMN_RENAMED\`.
- **Types** are those of the file: booleans, integers of 32 and 64 bits, doubles, dates, times, timestamps (in UTC;
  without a time zone they are read as UTC), bytes, JSON and lists. Numbers keep all digits, and times their
  microseconds. A column whose declared type cannot hold its values gets a type that holds them
  (\`COLUMN_TYPE_CHANGED\`): 5000000000 in a 32-bit integer makes it a bigint, digits that a double does not have make
  it a decimal, \`n/a\` in a column of numbers makes it text. A column of numbers or objects and strings is text
  (\`COLUMN_MIXED\`). GeoJSON, and GML without a schema, declare no types: a column has a type when all of its values
  have the notation of that type. \`00123\` stays text. Without a schema, attributes of GML elements are columns, such
  as \`height_uom\`; if the file also has an element with the name of such a column, the run fails
  (\`ATTRIBUTE_AMBIGUOUS\`), as it does for an attribute that GDAL assigns to another element. Bounding boxes of
  features (\`gml:boundedBy\`) are not read.
- **CSV** files are read by the reader of [tables](tabular.md), with its detection of delimiter and names, its types
  (\`00123\` stays text), its settings (\`metadata.tabular\`), notes and rejected rows. The geometry is created from
  \`x_column\` and \`y_column\` (which are kept), from \`wkt_column\`, or from columns with usual names (\`x\`/\`y\`,
  \`lon\`/\`lat\`, \`longitude\`/\`latitude\`, \`easting\`/\`northing\`, \`wkt\`, \`geom\`, \`geometry\`). A row with a
  coordinate that is not a number is rejected. A WKT that cannot be read is an error with its line.
- **Text** of a shapefile is in the encoding of its \`.cpg\`, else of the language driver in its \`.dbf\`, else
  UTF-8. Text of a MapInfo file is in its charset; with \`Neutral\`, which names no encoding, it must be UTF-8. CSV and
  GeoJSON are UTF-8, or UTF-16 with a byte order mark. \`encoding\` in the manifest overrides all of these. The other
  formats contain their encoding. Text that is invalid in its encoding is an error (\`ENCODING_INVALID\`). A NUL
  character in GeoJSON is an error, and rejects a row of a CSV; in a .dbf it ends the text.
- **Geometries** keep Z. M values are removed from the asset (\`MEASURES_REMOVED\`), arcs become lines
  (\`CURVES_CONVERTED\`), and surfaces polygons (\`SURFACES_CONVERTED\`). Single, multi, empty and missing geometries
  are not converted. GDAL reads an empty geometry as missing in GeoJSON, and in layers that declare a geometry type.
  If a layer does not declare Z or M, they are kept only when one of them is not 0. A geometry that cannot be read, or
  has a coordinate that is not finite, is missing in the asset, with a note (\`GEOMETRY_UNREADABLE\`) that counts such
  geometries and names the first rows. More than 1 % of them is an error (\`GEOMETRY_INVALID\`). A route or track of GPX
  has Z when all of its points have an elevation.
- **Layers**: \`layer\` selects one; without it, the file must have only one layer with geometry. In GPX, empty layers,
  \`route_points\` and \`track_points\` are ignored. Views of a GeoPackage or SQLite database are never run: they are
  skipped with a note (\`VIEWS_SKIPPED\`), and \`layer\` may not name a view (\`LAYER_NOT_TABLE\`). A KMZ of several
  documents has the layers of the first document, or of those to which it links; a note (\`DOCUMENTS_SKIPPED\`) names
  other documents with placemarks.`;

/** The rules about the CRS of a vector file. */
const COORDINATES = `### Coordinate reference systems

The CRS is \`crs\` in the manifest, else the CRS of the file. If they differ, the asset has a note
\`CRS_DECLARED_OVERRIDES\`. A file without a CRS is an error (\`CRS_MISSING\`), and so is a CRS that cannot be read
(\`CRS_UNREADABLE\`); there is no default. GeoJSON without a \`crs\` member is OGC:CRS84 (RFC 7946). \`"crs": null\`
before the features means no CRS, and a linked CRS is rejected. Coordinates are stored with longitude or easting first,
regardless of the axis order of the CRS.

Of the CRS names of the German surveying authorities, \`urn:adv:crs:ETRS89_UTM31\` to \`UTM33\` are supported, with or
without a height system. Declare \`crs\` for others: coordinates of \`DE_DHDN_3GK3\` are written with and without the
number of the zone, those of \`ETRS89_Lat-Lon\` have latitude first.

Geometries of GML, and parts of them, can declare their CRS. These cases are errors (\`CRS_UNREADABLE\`):

- The envelope of the file and the geometries of the layer declare several CRSs.
- Geometries declare an unknown CRS, and the envelope another name.
- The envelope declares no CRS, and only some geometries, or only parts of them, declare one.

The form of a declaration determines the axis order of its geometry: \`urn:ogc:def:crs:EPSG::4326\` has latitude first,
\`EPSG:4326\` has longitude first.

The extent is checked. These are errors (\`CRS_EXTENT_MISMATCH\`): latitudes beyond 90 degrees, degrees in a projected
CRS, and coordinates more than 15 degrees outside the area of use of the CRS. Longitudes from 180 to 360, and
coordinates up to 15 degrees outside the area of use, are noted.`;

/** Codes of notes about values, and what they mean. */
const VALUE_NOTES: [code: string, meaning: string][] = [
  [
    '`COLUMN_TYPE_CHANGED`',
    'The declared type of a column cannot hold its values. The column has another type, and no value is lost.',
  ],
  ['`COLUMN_MIXED`', 'A column has values of different types. All are stored as text.'],
  [
    '`VALUES_CHANGED`',
    'GDAL changed values: it rounded a number or a time, did not read a text completely, removed white space, or ' +
      'read 0 for a missing `extrude` of KML.',
  ],
  [
    '`VALUES_MISSING`',
    'Values are null in the asset, or Sluice does not read them. These values become null: texts that are not a time ' +
      'in a column of times, and the asterisks that programs write into a .dbf for a missing or too long number. ' +
      'These are not read:' +
      '<br>.dbf: memos' +
      '<br>KML: the times of the positions of a track, data without a schema in a layer that has one, fields that no ' +
      'schema has, addresses, snippets' +
      '<br>GPX: more than two links of a feature, the times of the points of a track, elements that GPX does not have' +
      '<br>GML: texts beside elements, elements that a schema does not declare',
  ],
  [
    '`GEOMETRIES_DROPPED`',
    'Features of GML have several geometries, of which GDAL reads one. Write each geometry to a separate layer.',
  ],
  [
    '`ATTRIBUTES_DROPPED`',
    'Extensions of GPX, or elements of GML, have attributes that GDAL does not read. Write them as elements. Of GML, ' +
      'these attributes are not read:' +
      '<br>those of a feature other than its id' +
      '<br>those of an element with `xsi:nil`' +
      '<br>those of a geometry that are not part of GML, and references in a geometry to another one' +
      '<br>those that a schema does not declare',
  ],
  [
    '`LISTS_DIFFER`',
    'Features of GML repeat an element, and not each of these elements has the same attributes and parts. The lists ' +
      'of their columns have different lengths, and their values cannot be assigned to each other.',
  ],
  [
    '`COLUMNS_MERGED`',
    'GML has elements or attributes with the same name and different prefixes. They are in one column.',
  ],
  [
    '`KEY_COLUMN_DROPPED`',
    'A further file of a batch has a column with the keys of its features, and the first file has none. ' +
      'The column is left out.',
  ],
  [
    '`FEATURE_IDS_DROPPED`',
    'Features of GeoJSON have an id and another property `id`, which is kept; or placemarks of KML have ' +
      'an id, which GDAL does not read.',
  ],
  [
    '`MEMBERS_DROPPED`',
    'Features of GeoJSON have members besides their properties, or their geometries have other members.',
  ],
  [
    '`COORDINATES_DROPPED`',
    'Positions of GeoJSON have more than three numbers. Longitude, latitude and height are kept.',
  ],
  [
    '`HEIGHTS_ADDED`',
    'Geometries of GeoJSON have positions with and without heights. The missing heights are 0 in the asset.',
  ],
  [
    '`KEYS_REPEATED`',
    'Features of GeoJSON, KML or GPX have a key twice (in KML, keys that differ only in case are equal). The last ' +
      'value was kept.',
  ],
  ['`GEOMETRY_COLUMN_DROPPED`', 'A table has several geometry columns. An asset has one.'],
  ['`GEOMETRY_UNREADABLE`', 'Geometries cannot be read and are null.'],
  ['`MEASURES_REMOVED`, `CURVES_CONVERTED`, `SURFACES_CONVERTED`', 'See geometries above.'],
];

function vectorRow(format: VectorFormat): string {
  return tableRow([
    `\`${format.name}\``,
    format.aliases.join(', '),
    format.extensions.join(' '),
    additionalFiles(format),
    crsSource(format),
    format.drivers.join(', ') || 'none',
  ]);
}

function crsSource({ fixedCrs, drivers }: VectorFormat): string {
  if (drivers.length === 0) return 'in the manifest';
  if (fixedCrs === undefined) return 'in the file';
  return drivers.includes('GeoJSON') ? `${fixedCrs}, or the \`crs\` member` : fixedCrs;
}

function tableRow(cells: string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function additionalFiles({ required, optional }: VectorFormat): string {
  return [...required.map((extension) => `**${extension}**`), ...optional].join(' ');
}

/** The part of docs/formats.md about rasters. */
function rasterFormatsMarkdown(): string {
  return `## Raster formats

Every raster becomes a Cloud Optimized GeoTIFF with blocks of 512 x 512 pixels and overviews down to one block.

| \`format\` | aliases | extensions | additional files (**required**) | GDAL drivers |
|---|---|---|---|---|
${RASTER_FORMATS.map(rasterRow).join('\n')}

Each file may be in a \`.zip\` archive, like a vector file. Files that refer to pixels elsewhere are rejected
(\`FILE_FORBIDDEN_CONTENT\`): VRT, WMS and similar XML with any extension, and netCDF-4 files with values in another
file (HDF5 external storage, virtual datasets, external links).

Two sidecar files, named after the complete file name of the raster, are also read: GDAL's metadata
(\`dem.tif.aux.xml\`), which can hold nodata, scales, units, descriptions, colors and classes of bands, and a mask
(\`dem.tif.msk\`). Statistics of an .aux.xml, and \`.ovr\` files, are not used.

### Pixels

- **Values** are copied without a change, band by band. Pixels are moved only for another \`target_crs\`, a rotated grid
  or control points (note \`GRID_RESAMPLED\`), an upside-down grid (note \`GRID_TURNED\`, values do not change), and a
  mosaic.
- **Resampling**: classes (a palette, or \`metadata.raster.categorical\`) are resampled by nearest neighbor, even in
  overviews. Other values are resampled bilinearly, and by the mean in overviews. \`metadata.raster.resampling\`
  overrides both.
- **Nodata** is \`metadata.raster.nodata\`, else the value of the file. Values outside of the valid range of a netCDF
  variable become nodata. They are kept if the variable has no nodata value, or if the range has only one limit (note
  \`VALUES_OUTSIDE_VALID_RANGE\`, which names the outcome).
  NaN values of a netCDF variable become nodata, because GDAL reads them as missing values (note \`NAN_REPLACED\`, with
  their number).
  If a warp leaves empty pixels in a raster without nodata, they get NaN in floating-point data, the smallest value in
  signed integers, and a mask in the file in other types.
- **Compression** is lossless: deflate with a predictor (without one for classes), or \`zstd\` or \`lzw\` by
  \`metadata.raster.compression\`.
- **netCDF and GRIB**: \`layer\` selects a variable when there are several (\`LAYER_AMBIGUOUS\` lists them). For a TIFF
  with several pages it is the number of the page. Other dimensions become bands with a description such as \`time=36,
  level=0\`. Scale, offset and unit of packed values are kept in the asset and in the file. Curvilinear grids, and grids
  whose last dimensions are (lon, lat), are rejected.
- **Classes**: a GeoTIFF has the colors of classes, but not their names, nor attribute tables (RAT). These are in the
  description of the band in the asset and its STAC item, up to 131,072 characters per asset (note
  \`ATTRIBUTE_TABLE_MOVED\`, else \`ATTRIBUTE_TABLE_DROPPED\`).
- **Statistics** are those of all pixels with data. They have 14 digits; minimum and maximum of Float32 are exact.
  Notes: \`STATISTICS_ROUNDED\` for 64-bit integers with more digits, \`STATISTICS_MISSING\` for bands with infinite
  values.
- **Size**: width x height x bands x bytes per pixel may not exceed MAX_FILE_BYTES, regardless of the size of the file.

${rasterGeoreferenceMarkdown()}`;
}

function rasterGeoreferenceMarkdown(): string {
  return `### Georeference

The georeference is in the file, or in a world file beside it. Without either, the run fails (\`GEOREFERENCE_MISSING\`).
The CRS is \`crs\` in the manifest, else the CRS of the file or of a \`.prj\` file (note \`CRS_DECLARED_OVERRIDES\` when
they differ). A raster without a CRS is an error (\`CRS_MISSING\`). netCDF with longitudes and latitudes, but without a
grid mapping, has no CRS: declare \`OGC:CRS84\`. A CRS without a code gets the EPSG code that PROJ identifies with
certainty. The extent is checked like that of vector files. The bounding box in EPSG:4326 is that of 21 x 21 points over
the raster; across the antimeridian, it spans all longitudes.

### Several files

Each file becomes an asset of the dataset \`<dataset_id>.<file name without extension>\`, with \`.<layer>\` when the
manifest lists a file twice. With \`metadata.raster.mosaic\`, all files become one asset of the dataset
\`<dataset_id>\`, with later files on top. They must have the same bands and pixel types.
`;
}

function rasterRow(format: RasterFormat): string {
  const parts = [...format.required.map((extension) => `**${extension}**`), ...format.optional];
  const cells = [
    `\`${format.name}\``,
    format.aliases.join(', '),
    format.extensions.join(' '),
    parts.join(' '),
    format.drivers.join(', '),
  ];
  return `| ${cells.join(' | ')} |`;
}
