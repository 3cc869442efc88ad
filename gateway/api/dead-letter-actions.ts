import { z } from 'zod';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { isUploadEvent, uploadedManifestKey } from '#shared/landing/notifications.ts';
import { activityOf } from '#shared/ledger/activity.ts';
import type { DeadLetter, DeadLetterView } from '#shared/api/views.ts';
import type { GatewayDeps } from './deps.ts';
import { type RedriveFacts, redriveRefusal } from './redrive-check.ts';

type Deps = Pick<GatewayDeps, 'router' | 'ledger' | 'objects' | 'env'>;

/** The dead letters, newest first. */
export async function listDeadLetters(deps: Deps, page: { limit: number; offset: number }): Promise<DeadLetterView[]> {
  const letters = await deps.router.listDeadLetters(page.limit, page.offset);
  return Promise.all(letters.map((letter) => viewOf(letter, deps)));
}

/** Throws DEAD_LETTER_NOT_FOUND. */
export async function getDeadLetter(id: string, deps: Deps): Promise<DeadLetterView> {
  return viewOf(await deps.router.getDeadLetter(id), deps);
}

/**
 * Delivers the event again and logs the activity of the operator. Throws DEAD_LETTER_NOT_FOUND, or the error of
 * `redriveRefusal` if that would have no effect; the dead letter is kept then.
 */
export async function redriveDeadLetter(id: string, operator: string, deps: Deps): Promise<DeadLetter> {
  const letter = await deps.router.getDeadLetter(id);
  const refusal = redriveRefusal(letter, await factsOf(letter, deps));
  if (refusal !== undefined) throw refusal;
  await logActivity('dead_letter_redriven', letter, operator, deps);
  return deps.router.redrive(id);
}

/** Deletes the dead letter and logs the activity of the operator. Throws DEAD_LETTER_NOT_FOUND. */
export async function discardDeadLetter(id: string, operator: string, deps: Deps): Promise<DeadLetter> {
  await logActivity('dead_letter_discarded', await deps.router.getDeadLetter(id), operator, deps);
  return deps.router.discard(id);
}

const VERBS = { dead_letter_redriven: 're-drove', dead_letter_discarded: 'discarded' } as const;

/** Call it before the action: a crash between the two can leave an extra entry, but no action without an entry. */
async function logActivity(
  activity: keyof typeof VERBS,
  letter: DeadLetter,
  operator: string,
  { ledger }: Deps,
): Promise<void> {
  const runId = runIdOf(letter.event);
  const run = runId === undefined ? undefined : await ledger.getRun(runId);
  const document = {
    activity,
    operator,
    run_id: run?.run_id ?? null,
    batch_id: run?.batch_id ?? null,
    message: `${operator} ${VERBS[activity]} the dead letter of ${letter.function} (${letter.event.type}).`,
    details: {
      dead_letter_id: letter.id,
      function: letter.function,
      event_id: letter.event.id,
      event_type: letter.event.type,
      error: letter.error,
    },
  };
  await ledger.appendActivity(activityOf(document, letter.id, operator));
}

async function viewOf(letter: DeadLetter, deps: Deps): Promise<DeadLetterView> {
  const refusal = redriveRefusal(letter, await factsOf(letter, deps));
  return {
    ...letter,
    run_id: runIdOf(letter.event) ?? null,
    redrivable: refusal === undefined,
    advice: refusal?.message ?? null,
  };
}

async function factsOf({ event }: DeadLetter, { ledger, objects, env }: Deps): Promise<RedriveFacts> {
  const runId = runIdOf(event);
  const manifestKey = manifestKeyOf(event, env);
  const [run, manifest] = await Promise.all([
    runId === undefined ? undefined : ledger.getRun(runId),
    manifestKey === undefined ? undefined : objects.head(env.LANDING_BUCKET, manifestKey),
  ]);
  return { run, manifestKey, manifestExists: manifest !== undefined };
}

const RunEventData = z.looseObject({ run_id: z.uuid() });

function runIdOf({ data }: SluiceEvent): string | undefined {
  return RunEventData.safeParse(data).data?.run_id;
}

/** Undefined also for an invalid notification. */
function manifestKeyOf(event: SluiceEvent, env: Deps['env']): string | undefined {
  if (!isUploadEvent(event)) return undefined;
  try {
    return uploadedManifestKey(event, env);
  } catch (thrown) {
    if (thrown instanceof SluiceError) return undefined;
    throw thrown;
  }
}
