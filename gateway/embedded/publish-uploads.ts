import { eventsOfNotification, isManifestUpload } from '#shared/landing/notifications.ts';
import { type PublishParts, publishWithRetry } from '../jobs/publish-with-retry.ts';

/** Publishes the uploaded manifests of a notification of the embedded store. Never rejects. */
export async function publishUploads(notification: unknown, parts: PublishParts): Promise<void> {
  for (const event of eventsOfNotification(notification))
    if (isManifestUpload(event, parts.env.LANDING_BUCKET)) await publishWithRetry(event, parts);
}
