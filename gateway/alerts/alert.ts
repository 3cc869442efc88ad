import { hostname } from 'node:os';
import { type Env, publicUrl } from '#shared/config/env.ts';
import type { DeadLetter } from '#shared/api/views.ts';
import type { ErrorDocument } from '#shared/errors/sluice-error.ts';
import { deterministicUuid, EVENT_SCHEMAS, isStepEvent, type SluiceEvent } from '#shared/events/event.ts';
import type { DiskSpace } from '../observe/disk-space.ts';

/** What an operator should know. Its fields are those of the CloudEvent that ALERT_WEBHOOK_URL receives. */
export interface Alert {
  /** Follows from the cause, so that several gateways, and a repeat of the cause, send one alert. A UUID. */
  id: string;
  type:
    'sluice.alert.run.failed' | 'sluice.alert.delivery.failed' | 'sluice.alert.work.stuck' | 'sluice.alert.disk.low';
  subject: string;
  time: string;
  /** The page of the dashboard that shows it. */
  url: string;
  /** Values of users are only the ids of run and dataset, and the message of the error. */
  data: Record<string, unknown>;
}

type UrlEnv = Pick<Env, 'HOST' | 'PORT' | 'PUBLIC_URL'>;

/** The alert for an event that ends a run with `failure`; undefined for any other event. */
export function runFailedAlert(event: SluiceEvent, env: UrlEnv): Alert | undefined {
  if (event.type !== 'sluice.run.failed') return undefined;
  const { data } = EVENT_SCHEMAS['sluice.run.failed'].safeParse(event.data);
  if (data === undefined) return undefined;
  const { run_id, dataset_id, lane, error } = data;
  return {
    id: deterministicUuid('alert', 'run failed', run_id),
    type: 'sluice.alert.run.failed',
    subject: run_id,
    time: event.time,
    url: pageUrl(env, 'runs', run_id),
    data: { run_id, dataset_id, lane, error: withoutDetails(error) },
  };
}

/** The alert for an event that could not be delivered. */
export function deadLetterAlert(
  jobId: string,
  { function: name, event, error, attempts }: Pick<DeadLetter, 'function' | 'event' | 'error' | 'attempts'>,
  env: UrlEnv,
): Alert {
  const run_id = isStepEvent(event) ? event.subject : undefined;
  return {
    id: deterministicUuid('alert', 'dead letter', jobId),
    type: 'sluice.alert.delivery.failed',
    subject: name,
    time: new Date().toISOString(),
    url: pageUrl(env, 'dead-letters'),
    data: { function: name, event_type: event.type, attempts, run_id, error: withoutDetails(error) },
  };
}

/** A queue whose oldest event has been waiting for long, or a call that takes long. */
export type StuckWork =
  | { state: 'waiting'; function: string; seconds: number }
  | { state: 'running'; function: string; seconds: number; jobId: string; runId: string | undefined };

/** A queue is reported once an hour while it is stuck, and a call once. */
export function stuckAlert(work: StuckWork, env: UrlEnv, now: Date): Alert {
  const seconds = Math.round(work.seconds);
  const cause = work.state === 'running' ? work.jobId : hourOf(now);
  const run_id = work.state === 'running' ? work.runId : undefined;
  return {
    id: deterministicUuid('alert', 'stuck work', work.state, work.function, cause),
    type: 'sluice.alert.work.stuck',
    subject: work.function,
    time: now.toISOString(),
    url: run_id === undefined ? pageUrl(env, 'functions', work.function) : pageUrl(env, 'runs', run_id),
    data: { function: work.function, state: work.state, seconds, run_id },
  };
}

/** A disk is reported once an hour while it has little free space. */
export function diskAlert({ folder, freeBytes, sizeBytes }: DiskSpace, env: UrlEnv, now: Date): Alert {
  const host = hostname();
  return {
    id: deterministicUuid('alert', 'disk space', host, folder, hourOf(now)),
    type: 'sluice.alert.disk.low',
    subject: host,
    time: now.toISOString(),
    url: pageUrl(env),
    data: { host, folder, free_bytes: freeBytes, size_bytes: sizeBytes },
  };
}

/** Details can contain values of the uploaded files. */
function withoutDetails({ code, message }: ErrorDocument): Omit<ErrorDocument, 'details'> {
  return { code, message };
}

function pageUrl(env: UrlEnv, ...path: string[]): string {
  return [publicUrl(env), 'ui', ...path.map(encodeURIComponent)].join('/');
}

function hourOf(now: Date): string {
  return now.toISOString().slice(0, 13);
}
