import { isManifestKey } from '#shared/contracts/object-keys.ts';
import { z } from 'zod';
import type { Env } from '#shared/config/env.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';

/** The part of an S3 event record that is read; the key in it is escaped as in a query string. */
const S3RecordSchema = z.looseObject({
  s3: z.looseObject({ bucket: z.looseObject({ name: z.string() }), object: z.looseObject({ key: z.string() }) }),
});

const OBJECT_CREATED = 'com.amazonaws.s3.ObjectCreated:';

/**
 * The key of the manifest whose upload the event announces. Undefined for any other object or bucket.
 * Throws EVENT_INVALID when the event is no S3 notification (CloudEvents S3 adapter).
 */
export function uploadedManifestKey(event: SluiceEvent, env: Pick<Env, 'LANDING_BUCKET'>): string | undefined {
  if (!event.type.startsWith(OBJECT_CREATED))
    throw new SluiceError('EVENT_INVALID', `This function accepts ${OBJECT_CREATED}*, not ${event.type}.`, {
      details: { type: event.type },
    });
  const record = S3RecordSchema.safeParse(event.data);
  if (!record.success)
    throw new SluiceError(
      'EVENT_INVALID',
      `The data of ${event.type} is not an S3 event record: ${z.prettifyError(record.error)}`,
    );
  const { bucket, object } = record.data.s3;
  const key = event.subject ?? unescapeKey(object.key);
  return bucket.name === env.LANDING_BUCKET && isManifestKey(key) ? key : undefined;
}

function unescapeKey(key: string): string {
  try {
    return decodeURIComponent(key.replaceAll('+', ' '));
  } catch (cause) {
    throw new SluiceError(
      'EVENT_INVALID',
      `The object key ${JSON.stringify(key)} is not query-escaped, and the event has no subject.`,
      { cause },
    );
  }
}

/** True for the notification of an upload, whatever the object. */
export function isUpload(event: SluiceEvent): boolean {
  return event.type.startsWith(OBJECT_CREATED);
}
