/**
 * Every error code that Sluice can return, with what it means and what the reader should do.
 * A code is stable: clients match on it. `retryable` says whether the router tries again. In an action, RUN stands for the id of a run.
 * docs/errors.md is generated from this table (`npm run generate`).
 */
export interface ErrorCode {
  retryable: boolean;
  meaning: string;
  action: string;
}

const permanent = (meaning: string, action: string): ErrorCode => ({ retryable: false, meaning, action });
const transient = (meaning: string, action: string): ErrorCode => ({ retryable: true, meaning, action });

export const ERROR_CODES = {
  // The manifest
  MANIFEST_NOT_JSON: permanent(
    'The manifest is not valid JSON.',
    'Correct the JSON at the position named and upload the manifest again.',
  ),
  MANIFEST_NOT_UTF8: permanent('The manifest is not UTF-8 text.', 'Save it as UTF-8 and upload it again.'),
  MANIFEST_TOO_LARGE: permanent(
    'The manifest is larger than Sluice reads.',
    'Name fewer files in one manifest; data belongs in files of its own.',
  ),
  MANIFEST_INVALID: permanent(
    'A field of the manifest is missing, unknown or of the wrong type.',
    'Correct the fields named in details and upload the manifest again.',
  ),
  MANIFEST_GONE: permanent(
    'The manifest named by a notification is no longer in the landing zone.',
    'Nothing to do if it was archived; else upload it again.',
  ),
  BATCH_ID_TAKEN: permanent(
    'Another manifest has used this batch_id.',
    'Choose a new batch_id, or repeat that run: `npx sluice rerun RUN`.',
  ),
  FILE_OUTSIDE_LANDING_ZONE: permanent(
    'A file path does not name an object in the landing zone.',
    'Upload the file to the landing zone and name it as s3://landing-zone/KEY.',
  ),
  FILE_MISSING: permanent(
    'A file named by the manifest is not in the landing zone.',
    'Upload the files before the manifest.',
  ),
  LANE_NOT_AVAILABLE: permanent(
    'No function of this installation serves the lane of this intent.',
    'Use an intent that docs/manifest.md lists.',
  ),

  // Reading the files
  FORMAT_NOT_SUPPORTED: permanent(
    'Sluice does not read this format.',
    'Convert the file to a format that docs/formats.md lists.',
  ),
  FORMAT_MISMATCH: permanent(
    'The content of the file is not of the format that its name or the manifest says.',
    'Correct `format` in the manifest, or the file.',
  ),
  FILE_UNREADABLE: permanent('GDAL cannot read the file.', 'Open it in the program that made it, and export it again.'),
  FILE_INCOMPLETE: permanent(
    'A part of the file is missing.',
    'Upload all parts; a shapefile needs .shp, .shx and .dbf.',
  ),
  FILE_TOO_LARGE: permanent(
    'The file, or what it unpacks to, is larger than this installation allows.',
    'Split it, or raise the limit named in details.',
  ),
  FILE_FORBIDDEN_CONTENT: permanent(
    'The file refers to other files, servers or databases.',
    'Remove the references; Sluice reads only what was uploaded.',
  ),
  ARCHIVE_UNREADABLE: permanent('The archive is damaged or encrypted.', 'Make the archive again, without a password.'),
  ARCHIVE_UNSAFE: permanent(
    'The archive holds absolute names, `..` or links, or unpacks to far more than its size.',
    'Make the archive again with plain relative names.',
  ),
  ARCHIVE_AMBIGUOUS: permanent(
    'The archive holds no dataset, or several.',
    'Put one dataset in one archive, or name its layer.',
  ),
  LAYER_MISSING: permanent(
    'The layer named in the manifest is not in the file.',
    'Use one of the layers listed in details.',
  ),
  LAYER_AMBIGUOUS: permanent('The file has several layers and the manifest names none.', 'Name one with `layer`.'),
  NO_GEOMETRY: permanent(
    'The file has no geometry column.',
    'Use intent ingest_tabular, or name the coordinate columns.',
  ),
  COLUMNS_DIFFER: permanent(
    'The files of one manifest have different columns.',
    'Use one manifest for each kind of file.',
  ),
  COLUMN_MISSING: permanent(
    'A column that the manifest names is not in the file.',
    'Use one of the columns listed in details.',
  ),
  ROWS_REJECTED: permanent(
    'More rows of a table cannot be read than are allowed.',
    'Correct the lines named in details, or raise metadata.tabular.max_rejected_rows.',
  ),
  TOO_MANY_COLUMNS: permanent(
    'The file has more columns than PostgreSQL can hold.',
    'Drop columns, or split the table.',
  ),
  ENCODING_INVALID: permanent(
    'The text of the file is not in the encoding that it declares.',
    'Correct the .cpg file, or set `encoding` in the manifest.',
  ),
  GEOREFERENCE_MISSING: permanent(
    'Nothing says where on Earth the pixels of the raster lie.',
    'Upload the world file beside it (.tfw, .pgw, .jgw, .wld), or export it as GeoTIFF.',
  ),
  RASTERS_DIFFER: permanent(
    'The rasters of a mosaic differ in bands or data type.',
    'Use one manifest for each kind of raster, or leave metadata.raster.mosaic out.',
  ),
  GEOMETRY_INVALID: permanent('A geometry cannot be read or repaired.', 'Correct the feature named in details.'),

  // Coordinate reference systems
  CRS_MISSING: permanent(
    'Neither the file nor the manifest says which coordinate reference system is used.',
    'Add the .prj file, or set `crs` for the file in the manifest.',
  ),
  CRS_UNREADABLE: permanent('The coordinate reference system cannot be read.', 'Give it as EPSG:n, OGC:CRS84 or WKT.'),
  CRS_EXTENT_MISMATCH: permanent(
    'The coordinates cannot be in the coordinate reference system that is declared.',
    'Correct the CRS of the file or of the manifest.',
  ),
  CRS_TRANSFORM_FAILED: permanent(
    'A geometry cannot be transformed to the target coordinate reference system.',
    'Check the CRS and the coordinates of the feature named in details.',
  ),

  // Recipes and export
  RECIPE_INVALID: permanent(
    'A parameter of the recipe is unknown or out of range.',
    'Correct metadata.recipe as docs/recipes.md describes.',
  ),
  CAST_FAILED: permanent(
    'A value cannot be cast to the type that the recipe asks for.',
    'Correct the feature named in details, list such values in `null_values` of the step, or choose another type.',
  ),
  GEOMETRY_CONTRACT: permanent(
    'A table has no geometry column, or several.',
    'Each recipe step must leave exactly one geometry column.',
  ),
  TABLES_LOST: permanent(
    'PostgreSQL crashed while the run was under way and emptied its working tables, once more after the run had begun anew three times.',
    'See in the log of PostgreSQL why it crashes; then `npx sluice rerun RUN`. The files are still there.',
  ),
  EXPORT_MISMATCH: transient('The exported file does not hold what it should.', 'Report it if it stays.'),
  OUTPUT_INVALID: permanent(
    'The written file does not hold what the source does, or breaks a rule of its format, and would do so again.',
    'Report it with the file and the versions of GDAL and Sluice; another version of GDAL may do better.',
  ),
  UPLOAD_CORRUPT: transient(
    'An uploaded object read back differently from what was written.',
    'Check the object store.',
  ),

  // Joins
  ASSET_KIND_MISMATCH: permanent(
    'An asset is not of the kind that is needed.',
    'Join a spatial (or joined) asset with a tabular one; `npx sluice assets` lists them.',
  ),
  ASSET_CHANGED: permanent(
    'The object of an asset is gone, or is not the one that was registered.',
    'Restore the object, or ingest the dataset again with `force`.',
  ),
  ASSET_VALUE_INVALID: permanent(
    'An asset holds a value that PostgreSQL cannot hold.',
    'Correct the value in the source, and ingest it again.',
  ),
  JOIN_COLUMN_MISSING: permanent(
    'A column that join_config names is not in the asset.',
    'Use one of the columns listed in details.',
  ),
  JOIN_KEY_TYPE_MISMATCH: permanent(
    'The two key columns are of types that cannot be equal.',
    'Ingest the table again with the type of the spatial key (metadata.tabular.columns).',
  ),
  JOIN_KEY_DUPLICATE: permanent(
    'Several rows of the table have the same key.',
    'Keep one row for each key, or set allow_duplicate_keys (--allow-duplicates) to get a feature for each.',
  ),

  // Runs
  RUN_NOT_FOUND: permanent('There is no such run.', 'List runs with `npx sluice runs`.'),
  DATASET_NOT_FOUND: permanent(
    'There is no such dataset.',
    'List assets with `npx sluice assets`; a dataset begins with its first manifest.',
  ),
  ASSET_NOT_FOUND: permanent('There is no such asset.', 'List assets with `npx sluice assets`.'),
  RUN_CLOSED: permanent(
    'The run has ended, so this step must not run.',
    'Nothing to do. To repeat it: `npx sluice rerun RUN`.',
  ),
  CLAIM_STALE: permanent(
    'Another worker has taken over this step, or the run was ended.',
    'Nothing to do: the write was refused, as it must be.',
  ),
  STEP_BUSY: transient('Another worker is doing this step now.', 'Nothing to do: it is delivered again later.'),
  TRANSITION_ILLEGAL: permanent(
    'A status may not change in this way.',
    'A run or manifest that has ended stays as it is. To repeat it: `npx sluice rerun RUN`.',
  ),
  STEP_TIMEOUT: transient('A step took longer than allowed.', 'Raise the limit named in details for very large files.'),
  RUN_STUCK: permanent(
    'Nothing happened in the run for too long, although its next event was sent again.',
    'See the log for the reason, then `npx sluice rerun RUN`.',
  ),
  CANCELED: permanent('The run was canceled.', 'To repeat it: `npx sluice rerun RUN`.'),

  // Requests
  REQUEST_INVALID: permanent('The request cannot be understood.', 'Correct what the message names.'),
  EVENT_INVALID: permanent(
    'The event is not a CloudEvent that this function accepts.',
    'Send a CloudEvents 1.0 event of an accepted type.',
  ),
  UNAUTHORIZED: permanent(
    'The credentials are missing or wrong.',
    'Send the bearer token or password of this installation.',
  ),
  DEAD_LETTER_NOT_FOUND: permanent(
    'There is no such dead letter.',
    'List dead letters; it may have been re-driven or discarded already.',
  ),
  FUNCTION_NOT_FOUND: permanent('There is no such function.', 'List functions with `faas-cli list`.'),
  ROUTE_NOT_FOUND: permanent('The gateway has no such route.', 'Check the path and the method.'),
  BATCH_NOT_FOUND: permanent(
    'No manifest with this batch_id has been seen.',
    'Upload the manifest, or wait until its notification has arrived.',
  ),
  REQUEST_TOO_LARGE: permanent(
    'The body of the request is larger than the gateway reads.',
    'Send less; data belongs in files in the landing zone.',
  ),
  LENGTH_REQUIRED: permanent('An upload must say how long it is.', 'Send a Content-Length header.'),
  RANGE_INVALID: permanent(
    'The range of bytes that was asked for is outside the object.',
    'Ask for bytes within the size that details names.',
  ),
  ORIGIN_FORBIDDEN: permanent(
    'A page of another site, or a foreign host name, asked for this.',
    'Use the address of this installation; set PUBLIC_URL when it has another name.',
  ),

  // Surroundings
  CONFIG_INVALID: permanent(
    'An environment variable is missing or wrong.',
    'Correct the variable named; .env.example lists all of them.',
  ),
  STORE_UNAVAILABLE: transient('The object store does not answer.', 'Check S3_ENDPOINT and the server.'),
  STORE_DENIED: permanent(
    'The object store refused the credentials or the operation.',
    'Check the S3 credentials and the bucket policy.',
  ),
  DATABASE_UNAVAILABLE: transient(
    'PostgreSQL does not answer.',
    'Check that the server runs and has the address that Sluice was given.',
  ),
  FUNCTION_UNAVAILABLE: transient('A function does not answer.', 'Check that it runs.'),
  GDAL_MISSING: permanent('The GDAL programs are not installed.', 'Run npm start, or install gdal-bin 3.6 or newer.'),
  SLUICE_STARTING: transient('Sluice is still starting.', 'Wait until npm start says that it is ready.'),
  SLUICE_UNREACHABLE: transient(
    'The command line cannot reach Sluice.',
    'Start it with npm start, or set SLUICE_URL to its address.',
  ),
  DISK_FULL: transient('The disk is full.', 'Free some space under SLUICE_HOME or SCRATCH_DIR.'),
  SETUP_FAILED: permanent('Sluice cannot set up what it needs.', 'Run the command that the message names.'),
  WORKER_DIED: permanent(
    'The process ended again and again in the middle of this work.',
    'See the log for the reason, memory for example; then re-drive the dead letter, or `npx sluice rerun RUN`.',
  ),
  INTERNAL: transient('An unexpected error.', 'Report it with the details if it stays.'),
} as const satisfies Record<string, ErrorCode>;

export type ErrorCodeName = keyof typeof ERROR_CODES;
