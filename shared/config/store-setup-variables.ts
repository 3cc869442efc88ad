import { headerText, signatureText, wholeNumber } from './env-rules.ts';

/** Variables of `sluice setup-storage`. Other programs do not need them, and do not pass them to their processes. */
export const STORE_SETUP_VARIABLES = {
  S3_ADMIN_ACCESS_KEY_ID: signatureText
    .optional()
    .describe('Access key of an administrator of the object store, for setup-storage: the root user of MinIO.'),
  S3_ADMIN_SECRET_ACCESS_KEY: headerText.optional().describe('Secret key of the administrator.'),
  S3_UPLOADER_ACCESS_KEY_ID: signatureText
    .optional()
    .describe('Access key that setup-storage creates for the people and programs that upload files.'),
  S3_UPLOADER_SECRET_ACCESS_KEY: headerText.optional().describe('Secret key of the uploader.'),
  S3_PIPELINE_ACCESS_KEY_ID: signatureText
    .optional()
    .describe('Access key that setup-storage creates for the functions. Default: S3_ACCESS_KEY_ID.'),
  S3_PIPELINE_SECRET_ACCESS_KEY: headerText
    .optional()
    .describe('Secret key of the functions. Default: S3_SECRET_ACCESS_KEY.'),
  S3_GATEWAY_ACCESS_KEY_ID: signatureText
    .optional()
    .describe(
      'Access key that setup-storage creates for a gateway with FUNCTION_URL. ' +
        'A gateway that starts the functions uses their key.',
    ),
  S3_GATEWAY_SECRET_ACCESS_KEY: headerText.optional().describe('Secret key of the gateway.'),
  LANDING_RETENTION_DAYS: wholeNumber(0, 0, 36_500).describe(
    'Days after which the object store deletes files of the landing zone. 0 keeps them. ' +
      'A run whose files were deleted cannot be repeated. setup-storage sets the rule.',
  ),
  SETUP_WAIT_SECONDS: wholeNumber(60, 0, 3600).describe('How long setup-storage waits for the object store.'),
};
