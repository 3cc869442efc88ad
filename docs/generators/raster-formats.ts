import { RASTER_FORMATS, type RasterFormat } from '#shared/formats/raster-formats.ts';

/** The part of docs/formats.md about rasters. */
export function rasterFormatsMarkdown(): string {
  return `## Raster formats

Every raster becomes a Cloud Optimized GeoTIFF: 512 x 512 blocks, overviews down to one block.

| \`format\` | also called | files | belong to it | GDAL drivers |
|---|---|---|---|---|
${RASTER_FORMATS.map(row).join('\n')}

Each of them may be in a \`.zip\`, as a vector file may. VRT, WMS and other descriptions of rasters elsewhere are refused
(\`FILE_FORBIDDEN_CONTENT\`), whatever they are called, and so is a netCDF-4 file that names another file as the place of its values (external
storage, virtual datasets, external links of HDF5). \`.aux.xml\`, \`.ovr\` and \`.msk\` files beside a raster are not read.

### Pixels

- **Values** are copied as they are, band for band. They move only where they must: another \`target_crs\`, a rotated grid or control
  points (noted as \`GRID_RESAMPLED\`), an upside-down grid (\`GRID_TURNED\`, no value changes), a mosaic.
- **Classes** (a palette, or \`metadata.raster.categorical\`) are resampled by nearest neighbor, also in overviews; everything else
  bilinear, and by the mean in overviews. \`metadata.raster.resampling\` decides instead.
- **No data**: the file's value, or \`metadata.raster.nodata\`. Where a warp leaves gaps in a raster without one, floating-point data gets NaN,
  signed integers their smallest value, and bytes a mask inside the file.
- **Compression** is deflate with a predictor (none for classes), or \`zstd\`, \`lzw\` by \`metadata.raster.compression\`. It is lossless.
- **netCDF, GRIB**: \`layer\` names the variable when there are several (\`LAYER_AMBIGUOUS\` lists them); in a TIFF of several pages it is the
  number of the page. Every other dimension becomes bands, described as \`time=36, level=0\`. Scale, offset and unit of packed values stay on the
  asset and in the file. A curvilinear grid is refused, and one whose last dimensions are (lon, lat).
- **Size**: width x height x bands x bytes of a pixel may not pass MAX_FILE_BYTES, whatever the size of the file.

### Place

The georeference is inside the file or in a world file beside it; without either the run fails (\`GEOREFERENCE_MISSING\`). The CRS is the
file's own, or that of a \`.prj\` beside it, unless the manifest gives \`crs\` (noted as \`CRS_DECLARED_OVERRIDES\` when they differ); none is an error
(\`CRS_MISSING\`). netCDF with longitudes and latitudes but no grid mapping says none: give \`OGC:CRS84\`. A CRS without a code gets the EPSG code
that PROJ identifies with certainty. The extent is checked as for vector files. Bounds in EPSG:4326 are those of 21 x 21 points all over the raster;
across the antimeridian they span all longitudes.

### Several files

Each file becomes an asset of a dataset of its own, \`<dataset_id>.<file name without extension>\` (and \`.<layer>\` when a file is named twice). With
\`metadata.raster.mosaic\` all files become one asset of the dataset itself, later files on top; they must have the same bands and types.
`;
}

function row(format: RasterFormat): string {
  const parts = [...format.required.map((extension) => `**${extension}**`), ...format.optional];
  return `| \`${format.name}\` | ${format.aliases.join(', ')} | ${format.extensions.join(' ')} | ${parts.join(' ')} | ${format.drivers.join(', ')} |`;
}
