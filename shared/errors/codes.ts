/**
 * Every error code, with its meaning and the action that the user should take. Codes are stable, because clients
 * compare them. The router retries errors that are `retryable`. In an action, RUN is a placeholder for a run id.
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
    'Split the file, or raise the limit that the message names.',
  ),
  FILE_FORBIDDEN_CONTENT: permanent(
    'The file refers to other files, servers or databases.',
    'Remove the references. Sluice reads only uploaded files.',
  ),
  ARCHIVE_UNREADABLE: permanent('The archive is damaged or encrypted.', 'Create the archive again without a password.'),
  ARCHIVE_UNSAFE: permanent(
    'The archive contains absolute paths, `..` or links, or its compression ratio is too high.',
    'Create the archive again with relative paths and regular files only.',
  ),
  ARCHIVE_AMBIGUOUS: permanent(
    'The archive contains no dataset, or several.',
    'Put one dataset into each archive, or name its layer with `layer`.',
  ),
  LAYER_MISSING: permanent(
    'The file does not contain the layer of the manifest.',
    'Set `layer` to one of the layers in `details`.',
  ),
  LAYER_AMBIGUOUS: permanent(
    'The file has several layers, and the manifest does not name one.',
    'Set `layer` to one of the layers in `details`.',
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
  COLUMN_MISSING: permanent('A column of the manifest is not in the file.', 'Use one of the columns in `details`.'),
  ROWS_REJECTED: permanent(
    'The table has more unreadable rows than allowed.',
    'Correct the lines in `details`, or raise metadata.tabular.max_rejected_rows.',
  ),
  TOO_MANY_COLUMNS: permanent('The table has more columns than Sluice supports.', 'Remove columns or split the table.'),
  ENCODING_INVALID: permanent(
    'The text of the file is not valid in its encoding.',
    'Correct the .cpg file, or set `encoding` in the manifest.',
  ),
  GEOREFERENCE_MISSING: permanent(
    'The raster has no georeference: the position of its pixels is unknown.',
    'Upload its world file too (.tfw, .pgw, .jgw, .wld), or export the raster as GeoTIFF.',
  ),
  RASTERS_DIFFER: permanent(
    'The rasters of a mosaic differ in bands or data type.',
    'Write one manifest for each kind of raster, or remove metadata.raster.mosaic.',
  ),
  GEOMETRY_INVALID: permanent(
    'A geometry cannot be read or repaired.',
    'Correct the feature in `details`, and upload the file again.',
  ),
  GEOMETRY_TOO_COMPLEX: permanent(
    'A geometry crosses itself so often that PostGIS cannot repair it within its limits of time and memory.',
    'Correct the feature in `details` or remove it, and upload the file again.',
  ),

  // Coordinate reference systems
  CRS_MISSING: permanent(
    'Neither the file nor the manifest declares a coordinate reference system.',
    'Upload the .prj file, or set `crs` of the file in the manifest.',
  ),
  CRS_UNREADABLE: permanent('The coordinate reference system is not valid.', 'Set `crs` to EPSG:n, OGC:CRS84 or WKT.'),
  CRS_EXTENT_MISMATCH: permanent(
    'The coordinates are outside the area of the declared coordinate reference system.',
    'Correct the CRS of the file, or set `crs` in the manifest.',
  ),
  CRS_TRANSFORM_FAILED: permanent(
    'A geometry cannot be transformed to the target coordinate reference system.',
    'Check the CRS, and the coordinates of the feature in `details`.',
  ),

  // Recipes and export
  RECIPE_INVALID: permanent(
    'A recipe parameter is unknown or out of range.',
    'Correct metadata.recipe (docs/recipes.md).',
  ),
  CAST_FAILED: permanent(
    'A value cannot be converted to the requested type.',
    'Correct the feature in `details`, add the value to `null_values` of the step, or choose another type.',
  ),
  GEOMETRY_CONTRACT: permanent(
    'A table has no geometry column, or several.',
    'Change the recipe step so that its output has exactly one geometry column.',
  ),
  TABLES_LOST: permanent(
    'PostgreSQL crashed and lost the working tables of the run four times.',
    'Find the cause of the crash in the PostgreSQL log. Then repeat the run: `npx sluice rerun RUN`.',
  ),
  EXPORT_MISMATCH: transient(
    'The exported data differs from its source in number of rows or content.',
    'Report the error with its message, if it persists.',
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
    'Use one of the columns in `details`.',
  ),
  JOIN_KEY_TYPE_MISMATCH: permanent(
    'The types of the two key columns cannot be compared.',
    'Ingest the table again, and set the type of its key in metadata.tabular.columns to that of the spatial key.',
  ),
  JOIN_KEY_DUPLICATE: permanent(
    'Several rows of the table have the same key.',
    'Keep one row for each key, or set allow_duplicate_keys (--allow-duplicates) to get one feature for each row.',
  ),

  // Runs
  RUN_NOT_FOUND: permanent('The run does not exist.', 'List the runs with `npx sluice runs`.'),
  DATASET_NOT_FOUND: permanent(
    'The dataset does not exist.',
    'List the assets and their datasets with `npx sluice assets`.',
  ),
  ASSET_NOT_FOUND: permanent('The asset does not exist.', 'List the assets with `npx sluice assets`.'),
  RUN_CLOSED: permanent(
    'The run has ended, so the step is not executed.',
    'No action is required. To repeat the run: `npx sluice rerun RUN`.',
  ),
  CLAIM_STALE: permanent(
    'Another worker has claimed the step, or the run has ended.',
    'No action is required: the write was rejected to protect the newer result.',
  ),
  STEP_BUSY: transient(
    'Another worker is executing the step.',
    'No action is required: the event is delivered again later.',
  ),
  TRANSITION_ILLEGAL: permanent(
    'The requested change of status is not allowed.',
    'Repeat an ended run instead: `npx sluice rerun RUN`.',
  ),
  STATEMENT_TIMEOUT: permanent(
    'PostgreSQL canceled a statement that exceeded its time limit.',
    'Split the file, or raise STATEMENT_TIMEOUT_SECONDS and repeat the run: `npx sluice rerun RUN`.',
  ),
  OUT_OF_MEMORY: permanent(
    'A statement needed more memory than a process of PostgreSQL may use.',
    'Split the file or its largest feature, or raise POSTGRES_MEMORY_BYTES. Then repeat the run: ' +
      '`npx sluice rerun RUN`.',
  ),
  STEP_TIMEOUT: transient('A step exceeded its time limit.', 'Raise the limit in the message, or split the file.'),
  STEP_NO_PROGRESS: permanent(
    'A program used processor time for long without reading or writing data.',
    'Simplify or split the file, or raise the limit in the message.',
  ),
  PROGRAM_KILLED: transient(
    'Another process, or the kernel when memory ran out, killed a GDAL program.',
    'Look for "out of memory" in the kernel log. Add memory, or lower CORES or GDAL_MEMORY_BYTES.',
  ),
  RUN_STUCK: permanent(
    'The run made no progress, although its next event was published again.',
    'Find the reason in the log. Then repeat the run: `npx sluice rerun RUN`.',
  ),
  CANCELED: permanent('The run was canceled.', 'To repeat the run: `npx sluice rerun RUN`.'),

  // Requests
  REQUEST_INVALID: permanent('The request is not valid.', 'Correct the argument or field in the message.'),
  EVENT_INVALID: permanent(
    'The event is not a CloudEvent that the function accepts.',
    'Send a CloudEvents 1.0 event of an accepted type.',
  ),
  UNAUTHORIZED: permanent(
    'The credentials are missing or wrong.',
    'Send the bearer token or the password of this installation.',
  ),
  DEAD_LETTER_NOT_FOUND: permanent(
    'The dead letter does not exist.',
    'List the dead letters with `npx sluice dead-letters`. Re-driven and discarded ones are removed.',
  ),
  FUNCTION_NOT_FOUND: permanent('The function does not exist.', 'List the functions with `faas-cli list`.'),
  ROUTE_NOT_FOUND: permanent('The gateway has no such route.', 'Check the path and the method of the request.'),
  BATCH_NOT_FOUND: permanent(
    'Sluice has not received a manifest with this batch_id.',
    'Upload the manifest, or wait for its notification.',
  ),
  REQUEST_TOO_LARGE: permanent(
    'The request body exceeds the size limit.',
    'Send a smaller body. Upload data as files to the landing zone.',
  ),
  LENGTH_REQUIRED: permanent('The upload has no Content-Length header.', 'Send the Content-Length header.'),
  TOO_MANY_TRANSFERS: transient(
    'The gateway already serves its limit of uploads or downloads.',
    'Repeat the request later, or raise MAX_UPLOADS or MAX_DOWNLOADS.',
  ),
  RANGE_INVALID: permanent(
    'The requested byte range is outside the object.',
    'Request a range within the size in `details`.',
  ),
  ORIGIN_FORBIDDEN: permanent(
    'The request comes from a page of another site, or has an unknown host name.',
    'Use the address of this installation. If it has another name, set PUBLIC_URL.',
  ),

  // Installation
  CONFIG_INVALID: permanent(
    'A setting is missing or invalid.',
    'Correct the setting in the message. .env.example lists all environment variables.',
  ),
  STORE_UNAVAILABLE: transient(
    'The object store does not respond.',
    'Check that the object store runs, and that S3_ENDPOINT is its address.',
  ),
  STORE_DENIED: permanent(
    'The object store rejected the credentials or the operation.',
    'Check S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY and the bucket policy.',
  ),
  DATABASE_UNAVAILABLE: transient(
    'PostgreSQL does not respond.',
    'Check that PostgreSQL runs, and that CONTROL_DATABASE_URL, LEDGER_URL and POSTGIS_URL are correct.',
  ),
  FUNCTION_UNAVAILABLE: transient('A function does not respond.', 'Check that the function runs, and read its log.'),
  GDAL_MISSING: permanent('A GDAL program is not installed.', 'Run `npm run setup`, or install GDAL 3.6 or newer.'),
  SLUICE_STARTING: transient('Sluice is starting.', 'Wait until `npm start` prints "Ready".'),
  SLUICE_UNREACHABLE: transient(
    'The gateway of Sluice does not respond.',
    'Start Sluice with `npm start`, or set SLUICE_URL to its address.',
  ),
  DISK_FULL: transient(
    'The disk is full.',
    'Free disk space under SLUICE_HOME and SCRATCH_DIR, or on the PostgreSQL server.',
  ),
  SETUP_FAILED: permanent(
    'Sluice cannot start or set up a component.',
    'Follow the instructions in the message, then start again.',
  ),
  MEMORY_LIMIT: permanent(
    'The step needs more memory than its process may use.',
    'Split the file into smaller ones, or raise FUNCTION_MEMORY_BYTES. Then upload it again, or repeat the run.',
  ),
  WORKER_DIED: permanent(
    'The process crashed or stopped responding repeatedly while it executed this step.',
    'Find the reason in the log, such as too little memory. Then repeat the run (`npx sluice rerun RUN`), ' +
      'or re-drive the dead letter.',
  ),
  INTERNAL: transient('An unexpected error occurred.', 'Report the error with its details, if it persists.'),
} as const satisfies Record<string, ErrorCode>;

export type ErrorCodeName = keyof typeof ERROR_CODES;
