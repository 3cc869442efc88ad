import { CRON_TOPIC } from '#shared/config/stack.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { eventsOfNotification, objectNotification } from '#shared/landing/notifications.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import { eventOfStep, nextEvent } from '#shared/run-control/resume-run.ts';
import { tickOf } from '../jobs/cron.ts';
import { deadLetterEvent } from '../router/dead-letter-store.ts';
import type { GatewayDeps } from './deps.ts';

const ADMISSION = 'validate-manifest';

/**
 * The event with which an operator calls a function for a run, by hand: the upload of its manifest, the event that
 * starts a step, the dead letter that fails the run, or a tick of the timer. Throws REQUEST_INVALID if the function has
 * nothing to do for the run.
 */
export async function eventOfFunction(
  name: string,
  run: RunDocument,
  deps: Pick<GatewayDeps, 'objects' | 'env' | 'stack'>,
): Promise<SluiceEvent> {
  if (name === ADMISSION) return uploadOf(run, deps);
  const fn = deps.stack.find(name);
  if (fn?.topics.includes(CRON_TOPIC)) return tickOf(fn, new Date());
  if (fn?.annotations['sluice.dead-letter-sink'] === 'true') return deadLetterOf(run, name);
  return eventOfStep(run, name);
}

async function uploadOf(
  { run_id, tags }: RunDocument,
  { objects, env }: Pick<GatewayDeps, 'objects' | 'env'>,
): Promise<SluiceEvent> {
  const key = tags.manifest_key;
  const manifest = await objects.head(env.LANDING_BUCKET, key);
  const [event] =
    manifest === undefined ? [] : eventsOfNotification(objectNotification(env.LANDING_BUCKET, { ...manifest, key }));
  if (event !== undefined) return event;
  throw new SluiceError(
    'REQUEST_INVALID',
    `The manifest ${key} of run ${run_id} is archived, so ${ADMISSION} cannot read it. ` +
      `Repeat the run with npx sluice rerun ${run_id}.`,
    { details: { run_id, manifest_key: key } },
  );
}

/** The event that the next step waits for, as if its last delivery had failed. */
function deadLetterOf(run: RunDocument, name: string): SluiceEvent {
  const event = run.status === 'running' ? nextEvent(run) : undefined;
  if (event === undefined)
    throw new SluiceError(
      'REQUEST_INVALID',
      `Run ${run.run_id} has ended (${run.status}), so ${name} cannot end it with failure.`,
      {
        details: { run_id: run.run_id },
      },
    );
  const step = run.steps.find(({ status }) => status !== 'done')?.name ?? name;
  return deadLetterEvent(event, step, new SluiceError('RUN_STUCK', `An operator ended the run with ${name}.`));
}
