import { CRON_TOPIC, type StackFunction } from '#shared/config/stack.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { isUploadEvent } from '#shared/landing/notifications.ts';
import { deadLetterEvent } from '../../gateway/router/dead-letter-store.ts';

const RUN = '0d4a1f6e-2f64-8c11-9a3e-0123456789ab';
const EVENT = { specversion: '1.0', id: 'by-hand-1', source: '/operator' } as const;
/** The first topic of a function is the example, except of `archive`, which begins with rejected manifests. */
const END_OF_RUN = 'sluice.run.succeeded';

/** The event of an example call: what the function needs, and nothing that has a default. */
export function exampleEvent({ topics, annotations }: Pick<StackFunction, 'topics' | 'annotations'>): object {
  const type = topics.includes(END_OF_RUN) ? END_OF_RUN : (topics[0] ?? '');
  if (type === CRON_TOPIC) return { ...EVENT, type: 'sluice.tick' };
  const step = (name: string) => ({ ...EVENT, type: name, subject: RUN, data: { run_id: RUN } });
  if (annotations['sluice.dead-letter-sink'] === 'true') {
    const failure = new SluiceError('RUN_STUCK', 'An operator ended the run with fail-run.');
    return deadLetterEvent(step('sluice.run.requested.vector') as unknown as SluiceEvent, 'load-to-postgis', failure);
  }
  if (!isUploadEvent({ type } as SluiceEvent)) return step(type);
  const [bucket, key] = ['landing-zone', 'manifests/roads.json'];
  return { ...EVENT, type, subject: key, data: { s3: { bucket: { name: bucket }, object: { key } } } };
}
