import { RASTER_FORMATS, type RasterFormat } from '#shared/formats/raster-formats.ts';

/** The part of docs/formats.md about rasters. */
export function rasterFormatsMarkdown(): string {
  return `## Raster formats

Every raster becomes a Cloud Optimized GeoTIFF with blocks of 512 x 512 pixels and overviews down to one block.

| \`format\` | aliases | extensions | additional files (**required**) | GDAL drivers |
|---|---|---|---|---|
${RASTER_FORMATS.map(row).join('\n')}

Each file may be in a \`.zip\` archive, like a vector file. Files that refer to pixels elsewhere are rejected
(\`FILE_FORBIDDEN_CONTENT\`): VRT, WMS and similar XML with any extension, and netCDF-4 files with values in another file (HDF5
external storage, virtual datasets, external links). \`.aux.xml\`, \`.ovr\` and \`.msk\` files are not read.

### Pixels

- **Values** are copied without a change, band by band. Pixels are moved only for another \`target_crs\`, a rotated grid or
  control points (note \`GRID_RESAMPLED\`), an upside-down grid (note \`GRID_TURNED\`, values do not change), and a mosaic.
- **Resampling**: classes (a palette, or \`metadata.raster.categorical\`) are resampled by nearest neighbor, also in overviews.
  Other values are resampled bilinearly, and by the mean in overviews. \`metadata.raster.resampling\` overrides both.
- **Nodata** is \`metadata.raster.nodata\`, else the value of the file. If a warp leaves empty pixels in a raster without
  nodata, they get NaN in floating-point data, the smallest value in signed integers, and a mask in the file in other types.
- **Compression** is lossless: deflate with a predictor (without one for classes), or \`zstd\` or \`lzw\` by
  \`metadata.raster.compression\`.
- **netCDF and GRIB**: \`layer\` selects a variable when there are several (\`LAYER_AMBIGUOUS\` lists them). For a TIFF with
  several pages it is the number of the page. Other dimensions become bands with a description such as \`time=36, level=0\`.
  Scale, offset and unit of packed values are kept in the asset and in the file. Curvilinear grids, and grids whose last
  dimensions are (lon, lat), are rejected.
- **Size**: width x height x bands x bytes per pixel may not exceed MAX_FILE_BYTES, independent of the size of the file.

### Georeference

The georeference is in the file, or in a world file beside it. Without either, the run fails (\`GEOREFERENCE_MISSING\`). The CRS
is \`crs\` in the manifest, else the CRS of the file or of a \`.prj\` file (note \`CRS_DECLARED_OVERRIDES\` when they differ). A
raster without a CRS is an error (\`CRS_MISSING\`). netCDF with longitudes and latitudes, but without a grid mapping, has no CRS:
declare \`OGC:CRS84\`. A CRS without a code gets the EPSG code that PROJ identifies with certainty. The extent is checked like
that of vector files. The bounding box in EPSG:4326 is that of 21 x 21 points over the raster; across the antimeridian, it
spans all longitudes.

### Several files

Each file becomes an asset of the dataset \`<dataset_id>.<file name without extension>\`, with \`.<layer>\` when the manifest lists
a file twice. With \`metadata.raster.mosaic\`, all files become one asset of the dataset \`<dataset_id>\`, with later files on top.
They must have the same bands and pixel types.
`;
}

function row(format: RasterFormat): string {
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
