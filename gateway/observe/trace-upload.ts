import type { SluiceEvent } from '#shared/events/event.ts';
import { isUploadEvent } from '#shared/landing/notifications.ts';
import type { Tracing } from '#shared/tracing/tracing.ts';

/**
 * Publishes an event with `store`, which returns whether the event was new. The upload of a manifest begins the trace
 * of its run, unless the event belongs to a trace already: its span lasts from the upload to the publication. All later
 * events of the run have its traceparent. A repeated notification has no span.
 */
export async function traceUpload(
  tracing: Tracing | undefined,
  event: SluiceEvent,
  store: (event: SluiceEvent) => Promise<boolean>,
): Promise<void> {
  if (tracing === undefined || event.traceparent !== undefined || !isUploadEvent(event)) {
    await store(event);
    return;
  }
  const span = tracing.start('upload', {
    kind: 'producer',
    startedAt: new Date(Math.min(Date.parse(event.time), Date.now())), // The clock of the store may be ahead.
    attributes: {
      'aws.s3.key': event.subject,
      'cloudevents.event_id': event.id,
      'cloudevents.event_type': event.type,
    },
  });
  try {
    if (await store({ ...event, traceparent: span.traceparent })) span.end();
  } catch (thrown) {
    span.fail(thrown);
    span.end();
    throw thrown;
  }
}
