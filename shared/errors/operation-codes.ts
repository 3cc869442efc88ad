import { type ErrorCode, permanent, transient } from './error-code.ts';

/** Codes of errors of runs, requests, and the installation. */
export const OPERATION_CODES = {
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
    'Another process is executing the step, or an earlier step is not done.',
    'No action is required: the event is delivered again later.',
  ),
  TRANSITION_ILLEGAL: permanent(
    'The requested change of status is not allowed.',
    'Check the status of the run: `npx sluice run RUN`. An ended run can only be repeated: `npx sluice rerun RUN`.',
  ),
  STATEMENT_TIMEOUT: permanent(
    'PostgreSQL canceled a statement that exceeded its time limit.',
    'Split the file, or increase STATEMENT_TIMEOUT_SECONDS and repeat the run: `npx sluice rerun RUN`.',
  ),
  OUT_OF_MEMORY: permanent(
    'A statement needed more memory than a process of PostgreSQL may use, or its process was killed repeatedly.',
    'Split the file or its largest feature, add memory, or increase POSTGRES_MEMORY_BYTES. Then repeat the run: ' +
      '`npx sluice rerun RUN`.',
  ),
  STEP_TIMEOUT: transient('A step exceeded its time limit.', 'Increase the limit in the message, or split the file.'),
  STEP_NO_PROGRESS: permanent(
    'A program used processor time for a long time without reading or writing data.',
    'Simplify or split the file, or increase the limit if the message names one.',
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
    'Log in, or send a token or password: for `npx sluice`, set SLUICE_TOKEN, or SLUICE_USER and SLUICE_PASSWORD. ' +
      'MinIO and functions send WEBHOOK_TOKEN.',
  ),
  FORBIDDEN: permanent(
    'The role of the user does not permit the request.',
    'Ask an administrator for the role that the message names (docs/operations.md).',
  ),
  TOO_MANY_ATTEMPTS: transient(
    'Too many logins of the user or from the address have failed, or are being checked.',
    'Wait for the time in the message, and check the password or token.',
  ),
  PROVIDER_UNAVAILABLE: transient(
    'The OpenID provider does not respond.',
    'Check OIDC_ISSUER, and that the gateway can connect to it. Users with a password of Sluice ' +
      '(`npx sluice users`) can still log in.',
  ),
  DEAD_LETTER_NOT_FOUND: permanent(
    'The dead letter does not exist.',
    'List the dead letters with `npx sluice dead-letters`. Re-driven and discarded ones are removed.',
  ),
  FUNCTION_NOT_FOUND: permanent('The function does not exist.', 'Use the name of a function in stack.yml.'),
  SECRET_NOT_FOUND: permanent('The secret does not exist.', 'List the secrets with `faas-cli secret list`.'),
  SECRET_CONFLICT: permanent(
    'The secret exists already, or a deployed function uses it.',
    'Change its value with `faas-cli secret update`, or deploy the function without it first.',
  ),
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
    'Repeat the request later, or increase MAX_UPLOADS or MAX_DOWNLOADS.',
  ),
  RANGE_INVALID: permanent(
    'The requested byte range is outside the object.',
    'Request a range within the size that the message names.',
  ),
  ORIGIN_FORBIDDEN: permanent(
    'The request comes from a page of another site, or has an unknown host name.',
    'Use the address of this installation. If it has another name, set PUBLIC_URL.',
  ),

  // Ledger
  LEDGER_TOO_NEW: permanent(
    'The ledger, or the export of a ledger, was written by a newer release of Sluice.',
    'Install the release that the message names, or a newer one.',
  ),
  LEDGER_ACTIVE: permanent(
    'The ledger contains active runs, whose queued events and working tables are not exported.',
    'Wait until the runs are archived, stop Sluice, and repeat the command; or add --active.',
  ),
  LEDGER_FILE_INVALID: permanent(
    'The export of a ledger is damaged or incomplete. Nothing was imported.',
    'Use another copy of the file, or export the ledger again.',
  ),
  LEDGER_CONFLICT: permanent(
    'A document of the import differs from the stored document with its id, or has a unique value, such as ' +
      '`batch_id`, of another stored document.',
    'Import into an empty ledger, or into one with an earlier part of the same import.',
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
    'Check S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY and the bucket policy. `npx sluice setup-storage` restores policies.',
  ),
  STORE_PUBLIC: permanent(
    'Everyone who can reach the object store can access a bucket of Sluice.',
    'Remove the anonymous access to the bucket: `npx sluice setup-storage`.',
  ),
  DATABASE_UNAVAILABLE: transient(
    'A database server does not respond.',
    'Check that PostgreSQL and MongoDB run, and that CONTROL_DATABASE_URL, LEDGER_URL and POSTGIS_URL are correct.',
  ),
  POSTGIS_SERVER_REMOVED: transient(
    'The run uses a PostGIS server that POSTGIS_URL does not contain.',
    'Add the server to POSTGIS_URL again. Without it, a rerun uses another server.',
  ),
  BROKER_UNAVAILABLE: transient(
    'The Knative broker does not accept events.',
    'Check that the broker is ready (`kubectl get broker`), and that K_SINK is its address.',
  ),
  NOT_WITH_BROKER: permanent(
    'The request needs the queue of Sluice, and a Knative broker delivers the events of this installation.',
    'Follow the instructions in the message.',
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
    'Follow the instructions in the message, then repeat the command.',
  ),
  MEMORY_LIMIT: permanent(
    'The step needs more memory than its process, or DuckDB, may use.',
    'Split the file into smaller ones and upload them. If the message names the process of a function, you can ' +
      'also increase FUNCTION_MEMORY_BYTES and repeat the run: `npx sluice rerun RUN`.',
  ),
  WORKER_DIED: permanent(
    'The process crashed or stopped responding repeatedly while it executed this step.',
    'Find the reason in the log, such as too little memory. Then repeat the run (`npx sluice rerun RUN`), ' +
      'or re-drive the dead letter.',
  ),
  INTERNAL: transient('An unexpected error occurred.', 'If the error persists, report it with its details.'),
} as const satisfies Record<string, ErrorCode>;
