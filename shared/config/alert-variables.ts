import { headerText, oneOf, webhookUrl, wholeNumber } from './env-rules.ts';

/** Alerts of the router. The functions do not need them. */
export const ALERT_VARIABLES = {
  ALERT_WEBHOOK_URL: webhookUrl.describe(
    'URL that receives alerts to failed runs, dead letters, stuck work and low disk space. Without it, there are ' +
      'no alerts.',
  ),
  ALERT_WEBHOOK_TOKEN: headerText.optional().describe('Bearer token for ALERT_WEBHOOK_URL.'),
  ALERT_FORMAT: oneOf(['cloudevents', 'slack'])
    .default('cloudevents')
    .describe('Format of alerts: a CloudEvent, or a text for Slack and other chat services with the same webhooks.'),
  ALERT_STUCK_MINUTES: wholeNumber(60, 1, 525_600).describe(
    'An event that has been waiting, or a call that has been running for longer causes an alert.',
  ),
  ALERT_DISK_FREE_PERCENT: wholeNumber(10, 0, 99).describe(
    'Less free space on the disk of SLUICE_HOME or SCRATCH_DIR of the gateway causes an alert. 0 switches it off.',
  ),
};
