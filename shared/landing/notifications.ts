import { z } from 'zod';
import type { Env } from '#shared/config/env.ts';
import { isManifestKey, MANIFESTS_PREFIX } from '#shared/contracts/object-keys.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { deterministicId, type SluiceEvent } from '#shared/events/event.ts';
import type { ObjectHead, ObjectStore } from '#shared/storage/object-store.ts';

// Notifications of the object store as CloudEvents, by the CloudEvents S3 adapter
// (https://github.com/cloudevents/spec/blob/main/cloudevents/adapters/aws-s3.md).

/** The fields of an S3 event record (version 2.x) that are used. The whole record becomes the `data` of the event. */
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

/** The part of a record that names the object. zod compiles a schema at its first use, so it is built only once. */
const ObjectRecordSchema = RecordSchema.pick({ s3: true });

const NotificationSchema = z.looseObject({ Records: z.array(z.unknown()) });

/** Stores send one record in a notification. Lost notifications are found by listing the bucket. */
const MAX_RECORDS = 1_000;

export interface Notification {
  events: SluiceEvent[];
  /** Why records were skipped, for the log: one text for each record, or one for the body. */
  problems: string[];
}

/** The events of a notification body (MinIO's webhook, s3rver's `event`). Never throws: invalid records are skipped. */
export function eventsOfNotification(body: unknown): SluiceEvent[] {
  return readNotification(body).events;
}

/** Like `eventsOfNotification`, and reports the invalid records. */
export function readNotification(body: unknown): Notification {
  const notification = NotificationSchema.safeParse(body);
  if (!notification.success) return { events: [], problems: ['The body has no list of Records.'] };
  const events: SluiceEvent[] = [];
  const problems: string[] = [];
  const records = notification.data.Records;
  if (records.length > MAX_RECORDS)
    problems.push(`The body has ${records.length} records; only the first ${MAX_RECORDS} are read.`);
  records.slice(0, MAX_RECORDS).forEach((record, index) => {
    const parsed = RecordSchema.safeParse(record);
    const key = parsed.success ? objectKey(parsed.data) : undefined;
    if (!parsed.success) problems.push(`Records[${index}]: ${z.prettifyError(parsed.error)}`);
    else if (key === undefined) problems.push(`Records[${index}].s3.object.key is not valid percent-encoding.`);
    else events.push(toEvent(parsed.data, key));
  });
  return { events, problems };
}

function toEvent(record: S3Record, key: string): SluiceEvent {
  const { bucket, object } = record.s3;
  const request = record.responseElements?.['x-amz-request-id'];
  const host = record.responseElements?.['x-amz-id-2'];
  return {
    specversion: '1.0',
    // A MinIO rule has two webhook targets, which send the same ids. An equal event id makes the second delivery a
    // repeat.
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

/**
 * The key of a record. S3 escapes keys like a query string (`+` is a space). s3rver does not; its malformed ARN
 * identifies it.
 */
function objectKey(record: S3Record): string | undefined {
  const { bucket, object } = record.s3;
  if (bucket.arn?.startsWith('arn:aws:s3: : :')) return object.key;
  return unescapeKey(object.key);
}

function unescapeKey(key: string): string | undefined {
  try {
    return decodeURIComponent(key.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}

function isoTime(text: string | undefined): string {
  const time = new Date(text ?? Number.NaN);
  return Number.isNaN(time.getTime()) ? new Date().toISOString() : time.toISOString();
}

const OBJECT_CREATED = 'com.amazonaws.s3.ObjectCreated:';
/** Operations that write the content of an object. MinIO also sends `ObjectCreated:…` when tags or retention change. */
const UPLOADS = new Set(
  ['Put', 'Post', 'Copy', 'CompleteMultipartUpload'].map((operation) => `${OBJECT_CREATED}${operation}`),
);

/** True for the notification of any object that was created. */
export function isUploadEvent(event: SluiceEvent): boolean {
  return event.type.startsWith(OBJECT_CREATED);
}

/** True for the upload of a manifest to the landing zone. Only these notifications are published. */
export function isManifestUpload(event: SluiceEvent, landingBucket: string): boolean {
  return UPLOADS.has(event.type) && uploadedManifestKey(event, { LANDING_BUCKET: landingBucket }) !== undefined;
}

/**
 * The key of the uploaded manifest; undefined for any other object or bucket.
 * Throws EVENT_INVALID if the event is not an S3 notification (CloudEvents S3 adapter).
 */
export function uploadedManifestKey(event: SluiceEvent, env: Pick<Env, 'LANDING_BUCKET'>): string | undefined {
  if (!isUploadEvent(event))
    throw new SluiceError('EVENT_INVALID', `This function accepts ${OBJECT_CREATED}*, not ${event.type}.`, {
      details: { type: event.type },
    });
  const record = ObjectRecordSchema.safeParse(event.data);
  if (!record.success)
    throw new SluiceError(
      'EVENT_INVALID',
      `The data of ${event.type} is not an S3 event record: ${z.prettifyError(record.error)}`,
    );
  const { bucket, object } = record.data.s3;
  const key = event.subject ?? unescapeKey(object.key);
  if (key === undefined)
    throw new SluiceError(
      'EVENT_INVALID',
      `The object key ${JSON.stringify(object.key)} is not valid percent-encoding, and the event has no subject.`,
    );
  return bucket.name === env.LANDING_BUCKET && isManifestKey(key) ? key : undefined;
}

/**
 * An event for each manifest in the landing zone whose time of upload `isDue` accepts, in the order of their keys: for
 * manifests whose notification was lost. A repeated call returns the same ids. If the notification of the store was
 * received too, validate-manifest finds the manifest in the ledger.
 */
export async function* listManifestEvents(
  objects: Pick<ObjectStore, 'list'>,
  landingBucket: string,
  isDue: (uploadedAt: number) => boolean = () => true,
): AsyncGenerator<SluiceEvent> {
  for await (const object of objects.list(landingBucket, MANIFESTS_PREFIX)) {
    if (!isDue(Date.parse(object.modified))) continue;
    yield* eventsOfNotification(objectNotification(landingBucket, object)).filter((event) =>
      isManifestUpload(event, landingBucket),
    );
  }
}

/**
 * An S3 notification for an object, without request ids: the event id follows from bucket, key, ETag and time of the
 * upload.
 */
export function objectNotification(
  bucket: string,
  { key, etag, size, modified }: Pick<ObjectHead, 'key' | 'etag' | 'size' | 'modified'>,
): unknown {
  const escaped = encodeURIComponent(key).replaceAll('%20', '+');
  return {
    Records: [
      {
        eventVersion: '2.0',
        eventSource: 'sluice:list',
        eventName: 's3:ObjectCreated:Put',
        eventTime: new Date().toISOString(),
        s3: { bucket: { name: bucket }, object: { key: escaped, eTag: etag, size, sequencer: modified } },
      },
    ],
  };
}
