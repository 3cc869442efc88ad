import { z } from 'zod';
import { deterministicId, type SluiceEvent } from '#shared/events/event.ts';
import { uploadedManifestKey } from './manifest-upload.ts';

/**
 * Bucket notifications as CloudEvents, by the CloudEvents S3 adapter
 * (https://github.com/cloudevents/spec/blob/main/cloudevents/adapters/aws-s3.md). Pure.
 */

/** The parts of an S3 event record (version 2.x) that are read; the rest travels along in `data`. */
const RecordSchema = z.looseObject({
  eventName: z.string().min(1).max(128),
  eventSource: z.string().default(''),
  awsRegion: z.string().default(''),
  eventTime: z.string().optional(),
  responseElements: z
    .looseObject({ 'x-amz-request-id': z.string().optional(), 'x-amz-id-2': z.string().optional() })
    .nullish(),
  s3: z.looseObject({
    bucket: z.looseObject({ name: z.string().min(1).max(255), arn: z.string().optional() }),
    object: z.looseObject({
      key: z.string().min(1).max(4096),
      eTag: z.string().optional(),
      versionId: z.string().optional(),
      sequencer: z.string().optional(),
    }),
  }),
});
type S3Record = z.infer<typeof RecordSchema>;

const NotificationSchema = z.looseObject({ Records: z.array(z.unknown()) });

export interface Notification {
  events: SluiceEvent[];
  /** What could not be read, for the log: one text for each record, or one for the body. */
  problems: string[];
}

/** The events of a notification body (MinIO's webhook, s3rver's `event`). Never throws: what cannot be read makes no event. */
export function eventsOfNotification(body: unknown): SluiceEvent[] {
  return readNotification(body).events;
}

/** As `eventsOfNotification`, and says what could not be read. A bad record does not hide the good ones beside it. */
export function readNotification(body: unknown): Notification {
  const notification = NotificationSchema.safeParse(body);
  if (!notification.success) return { events: [], problems: ['The body has no list of Records.'] };
  const events: SluiceEvent[] = [];
  const problems: string[] = [];
  notification.data.Records.forEach((record, index) => {
    const parsed = RecordSchema.safeParse(record);
    const key = parsed.success ? objectKey(parsed.data) : undefined;
    if (!parsed.success) problems.push(`Records[${index}]: ${z.prettifyError(parsed.error)}`);
    else if (key === undefined) problems.push(`Records[${index}].s3.object.key is not valid percent-encoding.`);
    else events.push(toEvent(parsed.data, key));
  });
  return { events, problems };
}

/** Operations that write an object's bytes. Tagging and retention are `ObjectCreated:…` too in MinIO, and announce nothing new. */
const UPLOADS = new Set(
  ['Put', 'Post', 'Copy', 'CompleteMultipartUpload'].map((operation) => `com.amazonaws.s3.ObjectCreated:${operation}`),
);

/** True for the upload of a manifest to the landing bucket: the only notifications that are routed. */
export function announcesManifest(event: SluiceEvent, landingBucket: string): boolean {
  return UPLOADS.has(event.type) && uploadedManifestKey(event, { LANDING_BUCKET: landingBucket }) !== undefined;
}

function toEvent(record: S3Record, key: string): SluiceEvent {
  const { bucket, object } = record.s3;
  const request = record.responseElements?.['x-amz-request-id'];
  const host = record.responseElements?.['x-amz-id-2'];
  return {
    specversion: '1.0',
    // Both webhook targets of a rule send the same ids, so the second delivery is recognized.
    id:
      request && host
        ? `${request}.${host}`
        : deterministicId(bucket.name, key, object.versionId || object.eTag || '', object.sequencer ?? ''),
    source: `${record.eventSource}.${record.awsRegion}.${bucket.name}`,
    type: `com.amazonaws.s3.${record.eventName.replace(/^s3:/, '')}`,
    subject: key,
    time: isoTime(record.eventTime),
    datacontenttype: 'application/json',
    data: record,
  };
}

/** S3 escapes keys in notifications as a query string does (`+` is a space); s3rver gives them plain, and is known by its malformed ARN. */
function objectKey(record: S3Record): string | undefined {
  const { bucket, object } = record.s3;
  if (bucket.arn?.startsWith('arn:aws:s3: : :')) return object.key;
  try {
    return decodeURIComponent(object.key.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}

function isoTime(text: string | undefined): string {
  const time = new Date(text ?? Number.NaN);
  return Number.isNaN(time.getTime()) ? new Date().toISOString() : time.toISOString();
}
