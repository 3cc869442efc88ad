import { type Env, publicUrl } from '#shared/config/env.ts';
import { formatBytes, formatSeconds } from '#shared/text/amounts.ts';
import type { Alert } from './alert.ts';

export interface AlertMessage {
  headers: Record<string, string>;
  body: string;
}

/** The request body of an alert, in the format of ALERT_FORMAT. */
export function messageOf(
  alert: Alert,
  env: Pick<Env, 'ALERT_FORMAT' | 'ALERT_WEBHOOK_TOKEN' | 'HOST' | 'PORT' | 'PUBLIC_URL'>,
): AlertMessage {
  const { ALERT_FORMAT: format, ALERT_WEBHOOK_TOKEN: token } = env;
  return {
    headers: {
      'content-type': format === 'slack' ? 'application/json' : 'application/cloudevents+json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(format === 'slack' ? { text: slackTextOf(alert) } : cloudEventOf(alert, publicUrl(env))),
  };
}

/** Structured mode of https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md */
function cloudEventOf({ id, type, subject, time, url, data }: Alert, source: string): object {
  return {
    specversion: '1.0',
    id,
    source,
    type,
    subject,
    time,
    datacontenttype: 'application/json',
    data: { ...data, url },
  };
}

/** https://docs.slack.dev/messaging/formatting-message-text */
function slackTextOf(alert: Alert): string {
  return `${escape(textOf(alert))}\n<${escape(alert.url)}|Show>`;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function textOf({ type, data }: Alert): string {
  const of = (name: string) => String(data[name]);
  const error = data.error as { code: string; message: string } | undefined;
  const reason = error === undefined ? '' : ` ${error.code}: ${error.message}`;
  switch (type) {
    case 'sluice.alert.run.failed':
      return `Run ${of('run_id')}${data.dataset_id === undefined ? '' : ` of ${of('dataset_id')}`} failed.${reason}`;
    case 'sluice.alert.delivery.failed':
      return `An event ${of('event_type')} could not be delivered to ${of('function')}.${reason}`;
    case 'sluice.alert.work.stuck': {
      const time = formatSeconds(Number(data.seconds));
      return data.state === 'waiting'
        ? `The oldest event for ${of('function')} has been waiting for ${time}.`
        : `A call of ${of('function')} has been running for ${time}.`;
    }
    case 'sluice.alert.disk.low':
      return (
        `${formatBytes(Number(data.free_bytes))} of ${formatBytes(Number(data.size_bytes))} are free on the disk of ` +
        `${of('folder')} of ${of('host')}.`
      );
  }
}
