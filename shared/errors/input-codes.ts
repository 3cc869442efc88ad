import { type ErrorCode, permanent, transient } from './error-code.ts';

/** Codes of errors in what a user uploaded: manifest, files, coordinates, recipe and join. */
export const INPUT_CODES = {
  // The manifest
  MANIFEST_NOT_JSON: permanent(
    'The manifest is not valid JSON.',
    'Correct the JSON at the position in the message, and upload the manifest again.',
  ),
  MANIFEST_NOT_UTF8: permanent('The manifest is not UTF-8 text.', 'Save the manifest as UTF-8, and upload it again.'),
  MANIFEST_TOO_LARGE: permanent(
    'The manifest exceeds the size limit.',
    'List fewer files in one manifest. Put data into files, not into the manifest.',
  ),
  MANIFEST_INVALID: permanent(
    'A field of the manifest is missing, unknown or invalid.',
    'Correct the fields in the message, and upload the manifest again.',
  ),
  MANIFEST_GONE: permanent(
    'The manifest of a notification is no longer in the landing zone.',
    'Check whether the manifest is under archive/. If it is not, upload it again.',
  ),
  BATCH_ID_TAKEN: permanent(
    'The batch_id belongs to another manifest.',
    'Choose a new batch_id, or repeat the existing run: `npx sluice rerun RUN`.',
  ),
  FILE_OUTSIDE_LANDING_ZONE: permanent(
    'A file path is not an object of the landing zone.',
    'Upload the file to the landing zone, and set its path to s3://landing-zone/KEY.',
  ),
  FILE_MISSING: permanent(
    'A file of the manifest is not in the landing zone.',
    'Upload the files first, then the manifest.',
  ),
  LANE_NOT_AVAILABLE: permanent(
    'No function of this installation serves the lane of the intent.',
    'Use another intent (docs/manifest.md), or add a function for the lane to stack.yml.',
  ),

  // Reading the files
  FORMAT_NOT_SUPPORTED: permanent(
    'Sluice does not read this format.',
    'Convert the file to one of the formats in docs/formats.md.',
  ),
  FORMAT_MISMATCH: permanent(
    'The content of the file does not match the declared format.',
    'Correct `format` in the manifest, or upload the correct file.',
  ),
  FILE_UNREADABLE: permanent(
    'The file is damaged, or is not valid for its format.',
    'Open the file in the program that wrote it, and export it again.',
  ),
  FILE_INCOMPLETE: permanent(
    'A required part of the file is missing.',
    'Upload all parts. A shapefile consists of .shp, .shx and .dbf.',
  ),
  FILE_TOO_LARGE: permanent(
    'The file, or its uncompressed content, exceeds a limit of this installation.',
    'Split the file, or increase the limit that the message names.',
  ),
  FILE_FORBIDDEN_CONTENT: permanent(
    'The file refers to other files, servers or databases.',
    'Remove the references. Sluice reads only uploaded files.',
  ),
  ARCHIVE_UNREADABLE: permanent(
    'The zip archive is damaged or encrypted.',
    'Create the zip archive again without a password.',
  ),
  ARCHIVE_UNSAFE: permanent(
    'The zip archive contains absolute paths, `..` or links, or its compression ratio is too high.',
    'Create the zip archive again with relative paths and regular files only.',
  ),
  ARCHIVE_AMBIGUOUS: permanent(
    'The zip archive contains no dataset, or several.',
    'Put one dataset into each zip archive, or name its layer with `layer`.',
  ),
  LAYER_MISSING: permanent(
    'The file does not contain the layer of the manifest.',
    'Set `layer` to one of the layers that the message lists.',
  ),
  LAYER_AMBIGUOUS: permanent(
    'The file has several layers, and the manifest does not name one.',
    'Set `layer` to one of the layers that the message lists.',
  ),
  LAYER_NOT_TABLE: permanent(
    'The layer is a view or a virtual table. Sluice loads tables only.',
    'Save the layer as a table, as in the message.',
  ),
  NO_GEOMETRY: permanent(
    'The file has no geometry.',
    'Use the intent ingest_tabular, or name the coordinate columns with x_column and y_column, or wkt_column.',
  ),
  COLUMNS_DIFFER: permanent(
    'The files of the manifest have different columns.',
    'Write one manifest for each set of files with the same columns.',
  ),
  COLUMN_MISSING: permanent(
    'A column of the manifest is not in the file.',
    'Use one of the columns that the message lists.',
  ),
  DELIMITER_UNKNOWN: permanent('The delimiter of the file cannot be detected.', 'Set metadata.tabular.delimiter.'),
  ROWS_REJECTED: permanent(
    'More rows of the table were rejected than allowed.',
    'Correct the lines that the message lists, or increase metadata.tabular.max_rejected_rows.',
  ),
  ATTRIBUTE_AMBIGUOUS: permanent(
    'GDAL cannot distinguish an attribute of the GML file from another element.',
    'Write the attribute as an element with another name.',
  ),
  TOO_MANY_COLUMNS: permanent('The table has more columns than Sluice supports.', 'Remove columns or split the table.'),
  ENCODING_INVALID: permanent(
    'The text of the file is not valid in its encoding.',
    'Set `encoding` of the file in the manifest to the encoding that it was written with.',
  ),
  GEOREFERENCE_MISSING: permanent(
    'The raster has no georeference: the position of its pixels is unknown.',
    'Export the raster as GeoTIFF with its position, or follow the message.',
  ),
  NODATA_AMBIGUOUS: permanent(
    'Bands or files have different nodata values, and no single value can replace them.',
    'Write each band or file to an asset of its own, or set metadata.raster.nodata to the value that all of them use.',
  ),
  RASTERS_DIFFER: permanent(
    'The rasters of a mosaic differ in bands, data type, scale, offset or unit.',
    'Write one manifest for each kind of raster, or remove metadata.raster.mosaic.',
  ),
  GEOMETRY_INVALID: permanent(
    'A geometry cannot be read or repaired.',
    'Correct the feature that the message names, and upload the file again.',
  ),
  GEOMETRY_TOO_COMPLEX: permanent(
    'A geometry is so complex that PostGIS cannot repair it within its limits of time and memory.',
    'Correct or remove the feature that the message names, and upload the file again.',
  ),

  // Coordinate reference systems
  CRS_MISSING: permanent(
    'Neither the file nor the manifest declares a coordinate reference system.',
    'Set `crs` of the file in the manifest, or upload the file with its CRS.',
  ),
  CRS_UNREADABLE: permanent('The coordinate reference system is not valid.', 'Set `crs` to EPSG:n, OGC:CRS84 or WKT.'),
  CRS_EXTENT_MISMATCH: permanent(
    'The coordinates are outside the area of the declared coordinate reference system.',
    'Correct the CRS of the file, or set `crs` in the manifest.',
  ),
  CRS_NOT_IN_GEOTIFF: permanent(
    'GeoTIFF cannot store the coordinate reference system.',
    'Set metadata.raster.target_crs to another CRS, or `crs` of the file to an equivalent CRS with an EPSG code.',
  ),
  CRS_TRANSFORM_FAILED: permanent(
    'A geometry cannot be transformed to the target coordinate reference system.',
    'Check the CRS, and the coordinates of the feature that the message names.',
  ),

  // Recipes and export
  RECIPE_INVALID: permanent(
    'A recipe parameter is unknown or out of range.',
    'Correct metadata.recipe (docs/recipes.md).',
  ),
  CAST_FAILED: permanent(
    'A value cannot be converted to the requested type.',
    'Correct the value that the message names, add it to `null_values` of the step, or choose another type.',
  ),
  GEOMETRY_CONTRACT: permanent(
    'A table has no geometry column, or several.',
    'Change the recipe step so that its output has exactly one geometry column.',
  ),
  TABLES_LOST: permanent(
    'PostgreSQL lost the working tables of the run in a crash, and the run has reached its limit of restarts.',
    'Find the cause of the crash in the PostgreSQL log. Then repeat the run: `npx sluice rerun RUN`.',
  ),
  EXPORT_MISMATCH: transient(
    'The exported data differs from its source in number of rows or content.',
    'If the error persists, report it with its message.',
  ),
  OUTPUT_INVALID: permanent(
    'The output file differs from its source, or is not valid for its format.',
    'Report the error with the file and the versions of GDAL and Sluice.',
  ),
  UPLOAD_CORRUPT: transient(
    'An uploaded object differs from the file that was sent.',
    'Check the object store and the network to it.',
  ),

  // Joins
  ASSET_KIND_MISMATCH: permanent(
    'An asset is of the wrong kind.',
    'Join a spatial or joined asset with a tabular asset. List them with `npx sluice assets`.',
  ),
  ASSET_CRS_UNSUPPORTED: permanent(
    'The coordinate reference system of an asset has no EPSG code, which a join requires.',
    'Ingest the dataset again with metadata.recipe.target_crs, then join the new version.',
  ),
  ASSET_CHANGED: permanent(
    'The object of an asset is missing, or differs from the registered one.',
    'Restore the object, or ingest the dataset again with `force`.',
  ),
  ASSET_VALUE_INVALID: permanent(
    'An asset contains a value that PostgreSQL cannot store.',
    'Correct the value in the source, and ingest it again.',
  ),
  JOIN_COLUMN_MISSING: permanent(
    'An asset does not contain a column of join_config.',
    'Use one of the columns that the message lists.',
  ),
  JOIN_KEY_TYPE_MISMATCH: permanent(
    'The types of the two key columns cannot be compared.',
    'Ingest the table again, and set the type of its key in metadata.tabular.columns to that of the spatial key.',
  ),
  JOIN_KEY_DUPLICATE: permanent(
    'Several rows of the table have the same key.',
    'Keep one row for each key, or set allow_duplicate_keys (--allow-duplicates) to get one feature for each row.',
  ),
} as const satisfies Record<string, ErrorCode>;
